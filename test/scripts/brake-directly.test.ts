import type { Server } from "node:http";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { DirectBrakeRequest } from "../../infra/rollout/direct-brake.ts";
import type { DirectEngagement } from "../../scripts/agents/router/direct-brake.ts";
import { serveHttp } from "../../scripts/agents/router/http-interface.ts";
import { runScript } from "../lib/run-script.ts";

const token = "a-brake-token-for-tests";

/** The real interface of an agent over an engagement that is only kept. */
class Agent {
  /** Percentages that Envoy reports, one an answer; the last one stays. */
  applied: number[] = [25, 0];
  stage = "p25";
  /** Stands in the place of an engagement. */
  refusal: DirectEngagement | undefined;
  readonly requests: DirectBrakeRequest[] = [];
  private server: Server | undefined;
  url = "";

  async start(brakeToken: string | null = token): Promise<void> {
    this.server = await serveHttp({
      address: "127.0.0.1",
      port: 0,
      token: "agent-token",
      brake: brakeToken === null ? undefined : { token: brakeToken, engage: this.engage },
      report: () => expect.fail("nobody asks for a report"),
      evidence: () => expect.fail("nobody asks for evidence"),
      metrics: () => expect.fail("nobody asks for metrics"),
      started: () => true,
    });
    const address = this.server.address();
    this.url = `http://127.0.0.1:${String(typeof address === "object" ? address?.port : "")}`;
  }

  stop(): void {
    this.server?.closeAllConnections();
    this.server?.close();
  }

  private readonly engage = (request: DirectBrakeRequest): DirectEngagement => {
    this.requests.push(request);
    if (this.refusal) return this.refusal;
    const appliedPercentage = this.applied.length > 1 ? this.applied.shift() : this.applied[0];
    const answer = { id: request.id, engaged: true as const, stage: this.stage };
    return {
      outcome: "engaged",
      answer: appliedPercentage === undefined ? answer : { ...answer, appliedPercentage },
    };
  };
}

describe("brake --agent", () => {
  let agents: Agent[];
  let directory: string;

  beforeEach(async () => {
    agents = [new Agent(), new Agent()];
    await Promise.all(agents.map((agent) => agent.start()));
    directory = await mkdtemp(join(tmpdir(), "brake-"));
    await writeFile(join(directory, "token"), `${token}\n`);
  });

  afterEach(async () => {
    for (const agent of agents) agent.stop();
    await rm(directory, { recursive: true });
  });

  /** There is no kubeconfig and no API server: whoever looked for one would fail. */
  const brake = (args: readonly string[] = [], variables: Record<string, string> = {}) => {
    const named = agents.flatMap(({ url }) => ["--agent", url]);
    return runScript("brake", ["--reason", "p99 doubled", ...named, ...args], variables);
  };
  const file = () => ["--token-file", join(directory, "token")];

  it("engages every agent under one id and ends when each applies 0 %", async () => {
    const { code, stdout, stderr } = await brake([...file(), "--json"]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const result = JSON.parse(stdout) as { engagement: { id: string; who: string } };
    const { id, who } = result.engagement;
    expect(id).toMatch(/^\d{8}T\d{6}Z-[0-9a-f]{6}$/);
    expect(result).toMatchObject({
      outcome: "engaged",
      engagement: { why: "p99 doubled", source: "operating system" },
      agents: agents.map(({ url }) => ({
        agent: url,
        braked: true,
        answer: { appliedPercentage: 0 },
      })),
    });
    // The second request of each is the first one again: it only asks for the percentage.
    const sent = { id, who, why: "p99 doubled", source: "operating system" };
    for (const { requests } of agents) expect(requests).toEqual([sent, sent]);
    expect(stdout).not.toContain(token);
  });

  it("takes the token from the environment, and says what new pods do not know", async () => {
    const { code, stdout } = await brake([], { ROUTER_BRAKE_TOKEN: token });
    expect(code).toBe(0);
    expect(stdout).toMatch(/all traffic of these agents on V1: 2 of 2 apply 0 %, after \d+\.\d s/);
    expect(stdout).toContain("run npm run brake without --agent as well");
  });

  it("brakes the others when one does not answer, names it and ends with 3", async () => {
    agents[1]?.stop();
    const { code, stdout } = await brake([...file(), "--timeout", "1"]);
    expect(code).toBe(3);
    expect(stdout).toContain("NOT CONFIRMED: 1 of 2 agents apply 0 %");
    expect(stdout).toMatch(
      new RegExp(`${agents[1]?.url ?? ""}: not engaged: connect ECONNREFUSED`),
    );
    expect(stdout).not.toContain(`${agents[0]?.url ?? ""}:`);
    expect(agents[0]?.requests).toHaveLength(2);
  });

  it("asks an agent again that could not store it", async () => {
    const [agent] = agents;
    if (!agent) return;
    agent.refusal = { outcome: "notStored", problem: "no space" };
    const unstored = await brake([...file(), "--timeout", "1"]);
    expect(unstored.code).toBe(3);
    expect(unstored.stdout).toContain("engaged, but not stored");
    expect(agent.requests.length).toBeGreaterThan(2);
  });

  it("names an agent whose Envoy does not follow, and ends with 2", async () => {
    Object.assign(agents[0] ?? {}, { applied: [25] });
    const { code, stdout } = await brake([...file(), "--timeout", "1"]);
    expect(code).toBe(2);
    expect(stdout).toContain(`${agents[0]?.url ?? ""}: brake engaged, 25 % applied`);
  });

  it("tells a wrong token, a switched off brake and a released id at once", async () => {
    await writeFile(join(directory, "wrong"), "another-token");
    const wrong = await brake(["--token-file", join(directory, "wrong")]);
    expect(wrong.code).toBe(2);
    expect(wrong.stdout).toContain("401 the token of the direct brake is missing or wrong");
    for (const agent of agents) agent.refusal = { outcome: "released" };
    expect((await brake(file())).stdout).toContain("409 not engaged: this id was released by name");
    for (const agent of agents) agent.stop();
    await Promise.all(agents.map((agent) => agent.start(null)));
    const off = await brake(file());
    expect(off.code).toBe(2);
    expect(off.stdout).toContain("404 no direct brake");
  });

  it("says that it has no effect once V1 is gone", async () => {
    for (const agent of agents) Object.assign(agent, { stage: "retired", applied: [100] });
    const { code, stdout } = await brake(file());
    expect(code).toBe(2);
    expect(stdout).toContain("V1 is gone");
  });

  it("engages nothing on a dry run, and says who answers", async () => {
    agents[1]?.stop();
    const { code, stdout } = await brake([...file(), "--dry-run"]);
    expect(code).toBe(3);
    expect(stdout).toContain(`${agents[0]?.url ?? ""}: answers`);
    expect(stdout).toContain(`${agents[1]?.url ?? ""}: connect ECONNREFUSED`);
    expect(agents[0]?.requests).toEqual([]);
  });

  it("refuses to begin without a usable token or address", async () => {
    const missing = await brake();
    expect(missing.code).toBe(2);
    expect(missing.stderr).toContain("ROUTER_BRAKE_TOKEN holds no token: give the stack's");
    const unreadable = await brake(["--token-file", join(directory, "nothing")]);
    expect(unreadable.stderr).toMatch(/--token-file is ".*nothing": ENOENT/);
    const address = await brake(["--agent", "10.0.0.7:9090", ...file()]);
    expect(address.stderr).toContain('use a URL such as "http://10.0.0.7:9090"');
    const alone = await runScript("brake", ["--reason", "x", ...file()]);
    expect(alone.stderr).toContain("name the agents too, --agent <url>");
    for (const { requests } of agents) expect(requests).toEqual([]);
  });
});
