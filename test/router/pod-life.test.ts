import { mkdir, readFile, writeFile } from "node:fs/promises";
import { afterEach, describe, expect, it } from "vitest";
import { releasePatch } from "../../infra/rollout/brake.ts";
import { predictSide } from "../../infra/rollout/decision.ts";
import { sendAll } from "./support/pipelined-client.ts";
import { RouterPod } from "./support/router-pod.ts";

const release = { who: "test", when: "2026-01-01T00:00:00Z", why: "test" };

describe("the life of a router pod", { timeout: 60_000 }, () => {
  let pod: RouterPod;

  afterEach(() => pod.destroy());

  /** Sends requests of so many different sessions. */
  const send = async (count: number): Promise<void> => {
    const { listener } = pod.world.settings.ports;
    await sendAll(
      listener,
      Array.from({ length: count }, (_, index) => [["x-session-id", `session-${index}`]]),
    );
  };

  const status = async (): Promise<number> => (await fetch(pod.world.url)).status;

  it("counts decisions by side as the predictor does, over its own and Envoy's restarts", async () => {
    pod = await RouterPod.create("p25", 25);
    await pod.start();
    await pod.applied(25);
    await send(300);
    const decidedV2 = Array.from({ length: 300 }, (_, index) =>
      predictSide({ sessionId: `session-${index}`, requestId: "", percentage: 25 }),
    ).filter(({ side }) => side === "v2").length;
    const read = (lines: number) =>
      pod.reportWhere(`${lines} lines`, (report) => report.log.linesRead >= lines);
    expect((await read(300)).decisions.v2).toEqual({
      requests: decidedV2,
      failed: 0,
      fallbacks: 0,
    });
    await pod.stopAgent("SIGKILL");
    await send(300);
    await pod.startAgent();
    await read(600);
    await pod.world.envoy.stop("SIGTERM");
    await pod.world.envoy.start();
    await pod.world.v2.stop();
    await pod.reportWhere("V2 to be gone", (report) => report.readyHosts.v2 === 0);
    await send(300);
    const report = await read(900);
    expect(report.decisions).toEqual({
      v1: { requests: 3 * (300 - decidedV2), failed: 0, fallbacks: 0 },
      v2: { requests: 3 * decidedV2, failed: decidedV2, fallbacks: decidedV2 },
    });
    expect(report.log).toEqual({ linesRead: 900, unreadableLines: 0, lostLines: 0 });
  });

  it("reports lines that vanished before they were read", async () => {
    pod = await RouterPod.create("p25", 25);
    await pod.start();
    await send(50);
    await pod.reportWhere("50 lines", (report) => report.log.linesRead === 50);
    await pod.stopAgent("SIGKILL");
    await send(20);
    // Another writer empties the log behind the agent's back.
    await new Promise((resolve) => setTimeout(resolve, 300));
    const text = await readFile(pod.world.files.decisionLog, "utf8");
    await writeFile(pod.world.files.decisionLog, text.split("\n").slice(0, 53).join("\n") + "\n");
    await pod.startAgent();
    const report = await pod.reportWhere("a loss", ({ log }) => log.lostLines > 0);
    expect(report.log).toMatchObject({ linesRead: 53, lostLines: 17 });
  });

  it("begins a new pod without traffic for V2 while V2 is not ready", async () => {
    pod = await RouterPod.create("p25", 25);
    await pod.world.v2.stop();
    await pod.start();
    const report = await pod.reportWhere("the raise to wait", ({ waiting }) =>
      Boolean(waiting?.includes("ready V2 host")),
    );
    expect(report.appliedPercentage).toBe(0);
    await pod.world.v2.start();
    await pod.applied(25);
  });

  it("keeps everything while the API server is away, also over its own restart", async () => {
    pod = await RouterPod.create("p50", 50);
    await pod.start();
    await pod.applied(50);
    pod.api.patch("brake", { engaged: "now" });
    await pod.applied(0);
    await pod.api.stop();
    await pod.reportWhere("the loss to be noticed", ({ apiServer }) => !apiServer.reachable);
    await pod.stopAgent("SIGKILL");
    await pod.startAgent();
    const alone = await pod.applied(0);
    expect(alone.brake.engagements.map(({ id }) => id)).toEqual(["anonymous"]);
    expect(alone.commanded.percentage).toBe(50);
    expect(alone.apiServer.reachable).toBe(false);
    expect(await status()).toBe(200);
    pod.api.patch("brake", releasePatch(["anonymous"], release).data);
    pod.rollout("p25", 25);
    await pod.api.start();
    expect((await pod.applied(25)).apiServer.reachable).toBe(true);
  });

  it("takes a brake from the mount that it did not see before, and none that it saw released", async () => {
    pod = await RouterPod.create("p50", 50);
    await pod.start();
    pod.api.patch("brake", { "engaged.old": "{}" });
    await pod.applied(0);
    pod.api.patch("brake", releasePatch(["old"], release).data);
    await pod.applied(50);
    await pod.api.stop();
    await pod.stopAgent("SIGKILL");
    const mount = `${pod.world.directory}/mounts/brake`;
    await mkdir(mount, { recursive: true });
    await writeFile(`${mount}/engaged.old`, "{}");
    await pod.startAgent();
    expect((await pod.applied(50)).brake.engaged).toBe(false);
    await pod.stopAgent("SIGKILL");
    await writeFile(`${mount}/engaged.new`, "{}");
    await pod.startAgent();
    expect((await pod.applied(0)).brake.engagements.map(({ id }) => id)).toEqual(["new"]);
  });

  it("starts from the mounted ConfigMaps where there is no API server", async () => {
    pod = await RouterPod.create("p10", 10);
    await pod.api.stop();
    const mounts = `${pod.world.directory}/mounts`;
    for (const name of ["rollout", "brake"]) await mkdir(`${mounts}/${name}`, { recursive: true });
    await writeFile(`${mounts}/rollout/stage`, "p25");
    await writeFile(`${mounts}/rollout/percentage`, "25");
    await pod.start();
    expect(await pod.applied(25)).toMatchObject({
      revision: "r0.0",
      brake: { engaged: false },
      apiServer: { reachable: false },
    });
    await pod.api.start();
    await pod.applied(10);
  });

  it("routes to V2 alone at stage retired, and back", async () => {
    pod = await RouterPod.create("p100", 100);
    await pod.start();
    await pod.applied(100);
    pod.rollout("retired", 100);
    const retired = await pod.applied(100);
    expect(retired.commanded.stage).toBe("retired");
    const dump = await pod.world.envoy.admin("/config_dump?resource=dynamic_route_configs");
    expect(dump).not.toContain("worker-v1");
    await pod.stopAgent("SIGKILL");
    await pod.startAgent();
    pod.rollout("p50", 50);
    await pod.applied(50);
  });

  it("starts a pod of stage retired without V1", async () => {
    pod = await RouterPod.create("retired", 100);
    await pod.world.v1.stop();
    await pod.start();
    expect((await pod.applied(100)).readyHosts).toEqual({ v1: 0, v2: 1 });
    expect(await status()).toBe(200);
    await pod.world.v1.start();
    pod.rollout("p50", 50);
    expect((await pod.applied(50)).readyHosts).toEqual({ v1: 1, v2: 1 });
  });

  it("reads the last lines before it ends", async () => {
    pod = await RouterPod.create("p25", 25);
    await pod.start();
    await send(200);
    await pod.world.envoy.stop();
    expect(await pod.stopAgent("SIGTERM")).toBe(0);
    const state = JSON.parse(await readFile(pod.world.files.state, "utf8")) as {
      log: { linesRead: number };
    };
    expect(state.log.linesRead).toBe(200);
  });

  it("does not let Envoy start before its configuration is valid, and says what is wrong", async () => {
    pod = await RouterPod.create("p25", 25);
    const missing = { envoyBinary: "/nowhere/envoy" };
    await expect(pod.startAgent(missing)).rejects.toThrow("/nowhere/envoy");
    const { settings } = pod.world;
    const unusable = { settings: { ...settings, sessionHeader: "te xt" } };
    await expect(pod.startAgent(unusable)).rejects.toThrow("Envoy refuses the first configuration");
    await expect(readFile(pod.world.files.routes)).rejects.toThrow("ENOENT");
  });
});
