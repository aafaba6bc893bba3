import { mkdir, readFile, rename } from "node:fs/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { releasePatch } from "../../infra/rollout/brake.ts";
import { directBrakeAnswerSchema } from "../../infra/rollout/direct-brake.ts";
import { RouterPod, agentToken, brakeToken } from "./support/router-pod.ts";
import { waitUntil } from "./support/wait-until.ts";

const release = { who: "test", when: "2026-01-01T00:00:00Z", why: "test" };
const request = { id: "direct-1", who: "jane@host", why: "p99 doubled", source: "test" };
const bearer = { authorization: `Bearer ${brakeToken}` };

describe("the direct brake of a router-agent", { timeout: 60_000 }, () => {
  let pod: RouterPod;

  beforeEach(async () => {
    pod = await RouterPod.create("p50", 50);
    await pod.start();
    await pod.applied(50);
  });

  afterEach(() => pod.destroy());

  const post = (body: unknown, headers: Record<string, string> = bearer): Promise<Response> =>
    fetch(`${pod.agentUrl}/brake`, {
      method: "POST",
      headers,
      body: typeof body === "string" ? body : JSON.stringify(body),
    });

  const ids = async (): Promise<string[]> =>
    (await pod.report()).brake.engagements.map(({ id }) => id);

  it("lowers to 0 % without an API server, and keeps that until a release names the id", async () => {
    await pod.api.stop();
    const response = await post(request);
    expect(response.status).toBe(200);
    const answer = directBrakeAnswerSchema.parse(await response.json());
    expect(answer).toMatchObject({ id: "direct-1", engaged: true, stage: "p50" });
    await waitUntil("the answer to say 0 %", async () => {
      const again = directBrakeAnswerSchema.parse(await (await post(request)).json());
      return again.appliedPercentage === 0;
    });
    const { brake } = await pod.applied(0);
    expect(brake.engagements).toEqual([
      { ...request, when: expect.stringMatching(/^\d{4}-.*Z$/) as string },
    ]);
    expect((await fetch(pod.world.url)).headers.get("x-rollout")).toMatch(/;0$/);

    // The object knows nothing of it: neither its return nor a write of something else releases.
    await pod.api.start();
    await pod.reportWhere("the API server", ({ apiServer }) => apiServer.reachable);
    pod.api.patch("brake", { "released.other": "{}" });
    await pod.applied(0);
    expect(await ids()).toEqual(["direct-1"]);
    pod.api.patch("brake", releasePatch(["direct-1"], release).data);
    expect((await pod.applied(50)).brake.engaged).toBe(false);
  });

  it("is in the pod's directory before the answer, and outlives a kill in the same moment", async () => {
    await pod.api.stop();
    expect((await post(request)).status).toBe(200);
    const state = await readFile(pod.world.files.state, "utf8");
    await pod.stopAgent("SIGKILL");
    expect(state).toContain('"id":"direct-1"');
    await pod.startAgent();
    expect((await pod.applied(0)).brake.engagements.map(({ id }) => id)).toEqual(["direct-1"]);
  });

  it("says that it is engaged but not stored where the disk takes nothing, and stores it later", async () => {
    // A directory in the place of the temporary file: it cannot be opened for writing, by root neither.
    const obstacle = `${pod.world.files.state}.new`;
    await waitUntil("the obstacle", () => mkdir(obstacle).then(() => true));
    const response = await post(request);
    expect([response.status, await response.text()]).toEqual([
      500,
      expect.stringContaining("engaged, but not stored") as string,
    ]);
    await pod.reportWhere("0 %", ({ appliedPercentage }) => appliedPercentage === 0);
    await rename(obstacle, `${obstacle}.gone`);
    expect((await post(request)).status).toBe(200);
    expect(await readFile(pod.world.files.state, "utf8")).toContain('"id":"direct-1"');
  });

  it("answers the same id again in the same way, and keeps who engaged it first", async () => {
    const first = (await (await post(request)).json()) as object;
    await pod.applied(0);
    const second = await post({ ...request, who: "another", why: "other" });
    expect(second.status).toBe(200);
    expect(await second.json()).toEqual({ ...first, appliedPercentage: 0 });
    expect((await pod.report()).brake.engagements).toMatchObject([{ ...request }]);
    await post({ ...request, id: "direct-2" });
    expect(await ids()).toEqual(["direct-1", "direct-2"]);
    pod.api.patch("brake", releasePatch(["direct-1"], release).data);
    await pod.reportWhere("one release", ({ brake }) => brake.engagements.length === 1);
    expect(await ids()).toEqual(["direct-2"]);
  });

  it("does not engage an id that was released by name", async () => {
    await post(request);
    await pod.applied(0);
    pod.api.patch("brake", releasePatch(["direct-1"], release).data);
    await pod.applied(50);
    const late = await post(request);
    expect([late.status, await late.text()]).toEqual([
      409,
      expect.stringContaining("released by name") as string,
    ]);
    expect(await ids()).toEqual([]);
  });

  it("lets nobody in without its own token", async () => {
    const refused = { authorization: `Bearer ${agentToken}` };
    for (const headers of [{}, refused, { authorization: `Bearer ${brakeToken}x` }]) {
      const response = await post(request, headers);
      expect(response.status).toBe(401);
    }
    const report = await fetch(`${pod.agentUrl}/report`, { headers: bearer });
    expect(report.status).toBe(401);
    expect(await ids()).toEqual([]);
    expect(pod.log).not.toContain(brakeToken);
  });

  it("refuses what it does not understand, with the reason, and engages nothing", async () => {
    const refusals: [unknown, number, string][] = [
      ["engage", 400, "not engaged; send JSON"],
      [{ ...request, release: true }, 400, "release"],
      [{ ...request, why: " " }, 400, "why: "],
      [{ ...request, id: undefined }, 400, "id: "],
      [{ ...request, id: "a/b" }, 400, "id: use 1 to 100"],
      [{ ...request, id: "anonymous" }, 400, "are taken"],
      [{ ...request, id: "absent" }, 400, "are taken"],
      ["x".repeat(9000), 413, "more than 8192 bytes"],
    ];
    for (const [body, status, text] of refusals) {
      const response = await post(body);
      expect([response.status, await response.text()]).toEqual([
        status,
        expect.stringContaining(text) as string,
      ]);
    }
    expect(await ids()).toEqual([]);
  });

  it("releases by no method", async () => {
    await post(request);
    for (const method of ["GET", "HEAD", "DELETE", "PUT", "PATCH"]) {
      const response = await fetch(`${pod.agentUrl}/brake`, { method, headers: bearer });
      expect(response.status).toBe(405);
    }
    expect(await ids()).toEqual(["direct-1"]);
  });

  it("is not there without a token of its own", async () => {
    await pod.stopAgent("SIGKILL");
    await pod.startAgent({ brakeToken: undefined });
    expect((await post(request)).status).toBe(404);
    expect((await post(request, { authorization: "Bearer " })).status).toBe(404);
  });
});
