import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import { startStackUnderTest, type StackUnderTest } from "./stack-under-test.ts";

/** One case of the table. */
interface Row {
  readonly case: string;
  readonly expected: string;
  /** From what is done until every router reports what is expected; absent where nothing may change. */
  readonly seconds?: number;
}

/** How a verb ended. */
interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `brake` tells. */
interface Pull {
  readonly id: string;
  /** From the start of the process until every router applied 0 %. */
  readonly seconds: number;
}

const brakeToken = "direct-brake-token-of-the-test";

/** One request of each session, side by side. */
const clientProgram = `
const [url, count] = process.argv.slice(1);
const seen = {};
await Promise.all(Array.from({ length: Number(count) }, async (_, index) => {
  const headers = { "x-session-id": "session-" + index };
  const response = await fetch(url + "/health", { headers });
  await response.arrayBuffer();
  const rollout = response.headers.get("x-rollout") ?? "";
  const key = rollout.split(";")[1] + " % " + response.headers.get("x-pool-version");
  seen[key] = (seen[key] ?? 0) + 1;
}));
console.log(JSON.stringify(seen));
`;

/** A stack with a brake whose life is tested, and the table of what was seen. */
export class BrakeLife {
  readonly test: StackUnderTest;
  readonly #url: string;
  readonly #directory = mkdtempSync(join(tmpdir(), "brake-life-"));
  readonly #rows: Row[] = [];

  private constructor(test: StackUnderTest, url: string) {
    this.test = test;
    this.#url = url;
    writeFileSync(join(this.#directory, "token"), brakeToken, { mode: 0o600 });
  }

  /** Deploys a stack at p50 with two routers and a direct brake. */
  static async start(): Promise<BrakeLife> {
    const test = await startStackUnderTest("brake");
    const { stack } = test;
    await stack.commands.setSecret("router.brakeToken", brakeToken);
    await stack.enter("p50");
    const address = "jsonpath=http://{.spec.clusterIP}:{.spec.ports[0].port}";
    const { output } = await stack.commands.kubectl(["get", "service", "router", "-o", address]);
    return new BrakeLife(test, output.trim());
  }

  /** Removes the stack, and writes the table to `out/brake-life.json` and to the terminal. */
  async stop(): Promise<void> {
    rmSync(this.#directory, { recursive: true });
    await this.test.stop();
    const out = new URL("../../../out/", import.meta.url).pathname;
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, "brake-life.json"), `${JSON.stringify(this.#rows, undefined, 2)}\n`);
    const width = Math.max(...this.#rows.map((row) => row.case.length));
    const lines = this.#rows.map(({ case: name, seconds, expected }) => {
      const time = seconds === undefined ? "" : `${seconds.toFixed(2)} s`;
      return `${name.padEnd(width)}  ${time.padStart(8)}  ${expected}`;
    });
    process.stdout.write(`\n${lines.join("\n")}\n\n`);
  }

  /** Takes down a case that held. */
  record(name: string, expected: string, seconds?: number): void {
    this.#rows.push({ case: name, expected, ...(seconds === undefined ? {} : { seconds }) });
  }

  /** Reports of both routers; undefined while one of them is missing. */
  get reports(): readonly AgentReport[] | undefined {
    const { reports, replicas } = this.test.stack.observed;
    return replicas.length === 2 && reports.length === 2 ? reports : undefined;
  }

  /** Waits until every router reports what is asked for. */
  async everyRouter(
    what: string,
    condition: (report: AgentReport) => boolean,
    seconds = 20,
  ): Promise<readonly AgentReport[]> {
    return await this.test.stack.observed.until(what, seconds, () => {
      const { reports } = this;
      return reports?.every(condition) ? reports : undefined;
    });
  }

  /** Waits until every router holds exactly these engagements and applies 0 %. */
  async braked(...ids: readonly string[]): Promise<readonly AgentReport[]> {
    return await this.everyRouter(`0 % under ${ids.join(" and ")}`, (report) =>
      holds(report, ids, 0),
    );
  }

  /** Waits until no router holds an engagement and each applies the percentage. */
  async released(percentage = 50): Promise<void> {
    await this.everyRouter(`${percentage} % without a brake`, (report) =>
      holds(report, [], percentage),
    );
  }

  /** What every router reports after a while in which it could have changed its mind. */
  async reportsAfter(seconds: number): Promise<readonly AgentReport[]> {
    await this.test.stack.hold(seconds);
    return this.reports ?? [];
  }

  /** Sends requests of so many sessions through the router; counts by percentage and pool that answered. */
  async requests(count = 200): Promise<Record<string, number>> {
    const args = ["--input-type=module", "-e", clientProgram, this.#url, String(count)];
    const seen = await this.test.environment.execInside(process.execPath, args);
    return JSON.parse(seen) as Record<string, number>;
  }

  /** Addresses of the agents, as `npm run status` tells them while there is an API server. */
  async agents(): Promise<readonly string[]> {
    const { stdout } = await this.verb("status", ["--json"]);
    const { replicas } = JSON.parse(stdout) as { replicas: { agent: string }[] };
    return replicas.map(({ agent }) => agent);
  }

  /** One of this project's verbs on the stack; a failure is a result like any other. */
  async verb(name: string, args: readonly string[]): Promise<Outcome> {
    const { environment, stack } = this.test;
    const script = new URL(`../../../scripts/${name}.ts`, import.meta.url).pathname;
    const command = [script, "--stack", stack.commands.place.stack, ...args];
    const child = environment.spawnInside(process.execPath, command, {
      stdio: ["ignore", "pipe", "pipe"],
    });
    const ended = once(child, "close");
    const read = (stream: Readable | null) => (stream === null ? "" : text(stream));
    const [stdout, stderr] = await Promise.all([read(child.stdout), read(child.stderr)]);
    const [code] = (await ended) as [number | null];
    return { code, stdout, stderr };
  }

  /** `npm run brake`; with the agents' addresses directly. */
  async brake(reason: string, agents: readonly string[] = []): Promise<Pull> {
    const direct = agents.flatMap((address) => ["--agent", address]);
    const token = agents.length === 0 ? [] : ["--token-file", join(this.#directory, "token")];
    const args = ["--reason", reason, "--json", ...direct, ...token];
    const { code, stdout, stderr } = await this.verb("brake", args);
    if (code !== 0) throw new Error(`brake ended with ${String(code)}: ${stdout}${stderr}`);
    const { engagement, seconds } = JSON.parse(stdout) as {
      engagement: { id: string };
      seconds: number;
    };
    return { id: engagement.id, seconds };
  }

  /** `npm run release`, of all that is engaged or of the ids. */
  async release(...ids: readonly string[]): Promise<Outcome> {
    const named = ids.flatMap((id) => ["--id", id]);
    return await this.verb("release", ["--reason", "test", "--yes", ...named]);
  }

  /** Break glass, by the command in README.md. */
  async breakGlass(why: string): Promise<void> {
    const patch = JSON.stringify({ data: { engaged: why } });
    await this.test.stack.commands.kubectl([
      ...["patch", "configmap", "brake", "--field-manager=break-glass", "--type", "merge"],
      ...["-p", patch],
    ]);
  }
}

function holds(
  { brake, appliedPercentage }: AgentReport,
  ids: readonly string[],
  percentage: number,
): boolean {
  const held = brake.engagements.map(({ id }) => id);
  return (
    appliedPercentage === percentage &&
    held.length === ids.length &&
    ids.every((id) => held.includes(String(id)))
  );
}

/** Seconds from now until `reached` resolves. */
export async function timed(reached: Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await reached;
  return (performance.now() - begin) / 1000;
}

/** A merge patch of the keys of a ConfigMap; null removes one, or all of them. */
export function dataPatch(data: Readonly<Record<string, string | null>> | null): string {
  return JSON.stringify({ data });
}
