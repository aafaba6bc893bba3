import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { guardReportSchema } from "../../../infra/rollout/guard-report.ts";
import type { GuardReport } from "../../../infra/rollout/guard-report.ts";
import type { MigrateSettings } from "../../agents/migrate/settings.ts";
import { freePorts } from "../../lib/free-ports.ts";
import { PinnedProcess } from "../router/envoy-process.ts";
import { guardEnvironment } from "./guard-environment.ts";
import { endPath } from "./plan.ts";
import type {
  DatabaseAccount,
  DatabasePlan,
  GuardLoad,
  WorldAccount,
  WorldPlace,
  WorldPlan,
} from "./plan.ts";

/** Longest wait for an answer of one of the processes, milliseconds. */
const patience = 10_000;

/** Between two looks while something is waited for, milliseconds. */
const lookMilliseconds = 200;

const script = (name: string) => join(import.meta.dirname, name);

/** The process of the guard's database. */
export class DatabaseProcess {
  private readonly process: PinnedProcess;
  private readonly url: string;
  private readonly directory: string;

  private constructor(core: number, plan: DatabasePlan) {
    const args = [script("database.ts"), JSON.stringify(plan)];
    this.process = new PinnedProcess(core, process.execPath, args);
    this.url = `http://127.0.0.1:${plan.port}`;
    this.directory = plan.directory;
  }

  /** Starts it and waits until it has the journal's tables. */
  static async start(core: number, signal: AbortSignal): Promise<DatabaseProcess> {
    const directory = await mkdtemp(join(tmpdir(), "pool-migration-bench-"));
    // The server may run as another user, who makes its socket and data here.
    await chmod(directory, 0o777);
    const [port = 0, serverPort = 0] = await freePorts(2);
    const database = new DatabaseProcess(core, { port, serverPort, directory });
    return ready(database, () => database.process.ready(database.url, 60, signal));
  }

  async account(): Promise<DatabaseAccount> {
    return JSON.parse(await text(this.url)) as DatabaseAccount;
  }

  async stop(): Promise<void> {
    await this.process.stop();
    await rm(this.directory, { recursive: true, force: true });
  }
}

/** The process of the simulated world. */
export class WorldProcess {
  private readonly process: PinnedProcess;
  private readonly url: string;

  private constructor(core: number, plan: WorldPlan) {
    this.process = new PinnedProcess(core, process.execPath, [
      script("world.ts"),
      JSON.stringify(plan),
    ]);
    this.url = `http://127.0.0.1:${plan.port}`;
  }

  /** Starts it and waits until everything in it answers. */
  static async start(core: number, load: GuardLoad, signal: AbortSignal): Promise<WorldProcess> {
    const [port = 0] = await freePorts(1);
    const world = new WorldProcess(core, { ...load, port });
    return ready(world, () => world.process.ready(world.url, 30, signal));
  }

  async account(): Promise<WorldAccount> {
    return JSON.parse(await text(this.url)) as WorldAccount;
  }

  /**
   * Waits until it is in a phase, or in a later one.
   *
   * @throws Error after the time
   */
  async reaches(
    phase: WorldAccount["phase"],
    timeoutSeconds: number,
    signal: AbortSignal,
  ): Promise<void> {
    const phases: readonly WorldAccount["phase"][] = ["waiting", "filling", "deciding", "over"];
    const end = performance.now() + timeoutSeconds * 1000;
    for (;;) {
      const now = (await this.account()).phase;
      if (phases.indexOf(now) >= phases.indexOf(phase)) return;
      if (performance.now() > end) {
        throw new Error(`The simulated world is still ${now} after ${timeoutSeconds} s.`);
      }
      await sleep(lookMilliseconds, undefined, { signal });
    }
  }

  get pid(): number {
    return this.process.pid;
  }

  /** Ends the load. */
  async end(): Promise<void> {
    await text(this.url + endPath);
  }

  stop(): Promise<void> {
    return this.process.stop();
  }
}

/** What a guard shows at one moment. */
export interface GuardLook {
  /** Its metrics, as Prometheus text. */
  readonly metrics: string;
  /** Undefined before its first evaluation. */
  readonly report: GuardReport | undefined;
}

/** The process of the guard, and nothing else in it. */
export class GuardProcess {
  private readonly process: PinnedProcess;
  private readonly url: string;
  private readonly headers: Readonly<Record<string, string>>;

  private constructor(
    core: number,
    port: number,
    environment: Readonly<Record<string, string>>,
    place: { readonly apiServer: string; readonly directory: string },
  ) {
    const args = [script("guard-process.ts"), JSON.stringify(place)];
    this.process = new PinnedProcess(core, process.execPath, args, {
      // As in the image, and nothing of this process's own: it may tell Node to do other things.
      PATH: process.env["PATH"],
      NODE_ENV: "production",
      HOME: tmpdir(),
      ...environment,
    });
    this.url = `http://127.0.0.1:${port}`;
    this.headers = { authorization: `Bearer ${environment["GUARD_TOKEN"]}` };
  }

  /**
   * Starts it and waits until it answers.
   *
   * @param options `directory`: where it keeps what outlives its container
   */
  static async start(
    core: number,
    options: {
      readonly load: GuardLoad;
      readonly world: WorldPlace;
      readonly database: MigrateSettings | undefined;
      readonly directory: string;
    },
    signal: AbortSignal,
  ): Promise<GuardProcess> {
    const { load, world, database, directory } = options;
    const [port = 0] = await freePorts(1);
    const environment = guardEnvironment(port, load, world, database);
    const { apiServer } = world;
    const guard = new GuardProcess(core, port, environment, { apiServer, directory });
    return ready(guard, () => guard.process.ready(`${guard.url}/livez`, 30, signal));
  }

  get pid(): number {
    return this.process.pid;
  }

  /** @throws Error with what it wrote, where it has ended */
  async look(): Promise<GuardLook> {
    try {
      const metrics = await text(`${this.url}/metrics`, this.headers);
      const report = await text(`${this.url}/report`, this.headers).catch(() => undefined);
      return { metrics, report: report === undefined ? undefined : parseReport(report) };
    } catch (error) {
      await this.process.ready(`${this.url}/livez`, 1);
      throw error;
    }
  }

  stop(): Promise<void> {
    return this.process.stop();
  }
}

/** Waits until a process is ready, and ends it where it is not. */
async function ready<P extends { stop(): Promise<void> }>(
  process: P,
  wait: () => Promise<void>,
): Promise<P> {
  try {
    await wait();
    return process;
  } catch (error) {
    await process.stop();
    throw error;
  }
}

function parseReport(json: string): GuardReport {
  return guardReportSchema.parse(JSON.parse(json));
}

async function text(url: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(patience) });
  const body = await response.text();
  if (!response.ok) throw new Error(`${url}: status ${response.status}: ${body.slice(0, 200)}`);
  return body;
}
