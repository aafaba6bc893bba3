import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { RouterFiles } from "../../../infra/rollout/envoy-bootstrap.ts";
import { envoyArguments, routerFiles } from "../../../infra/rollout/envoy-bootstrap.ts";
import type { RouterSettings } from "../../../infra/rollout/router-settings.ts";
import { routerSettingsSchema } from "../../../infra/rollout/router-settings.ts";
import { RouteFiles } from "../../agents/router/route-files.ts";
import { ensureEnvoy } from "../../local/tools/envoy.ts";
import { PinnedProcess, type Cores } from "./envoy-process.ts";
import { freePorts } from "../../lib/free-ports.ts";
import { plainBootstrap, poolsBootstrap } from "./plain-envoy.ts";

/** What is compared: the router of this project, and an Envoy that only splits at random. */
export type Arm = "router" | "envoy";

/** Share of V2 while it is measured, per cent. */
export const measuredPercentage = 25;

/** Token of the override routes: a router with testers' routes is the one with the most to do. */
export const overrideToken = "an-override-token-of-the-bench";

const silent = ["-l", "error"];

/** Where an arm keeps its files, and where it listens. */
export interface ArmPlace {
  readonly settings: RouterSettings;
  readonly files: RouterFiles;
}

/** Both arms and the pools behind them, on loopback, with their files in a temporary directory. */
export class Arms {
  readonly cores: Cores;
  readonly directory: string;
  readonly places: Readonly<Record<Arm, ArmPlace>>;
  readonly envoyBinary: string;
  readonly #poolsAdminPort: number;
  #pools: PinnedProcess | undefined;

  private constructor(cores: Cores, directory: string, envoyBinary: string, ports: number[]) {
    const [v1 = 0, v2 = 0, poolsAdmin = 0, ...own] = ports;
    const place = (arm: Arm, [listener = 0, readiness = 0, admin = 0, agent = 0]: number[]) => ({
      files: routerFiles(join(directory, arm)),
      settings: routerSettingsSchema.parse({
        bindAddress: "127.0.0.1",
        ports: { listener, readiness, admin, agent },
        sessionHeader: "x-session-id",
        pools: { v1: { host: "127.0.0.1", port: v1 }, v2: { host: "127.0.0.1", port: v2 } },
        readinessPath: "/readyz",
        operationTimeoutSeconds: 30,
        idempotencyKeys: true,
        concurrency: 1,
      }),
    });
    this.cores = cores;
    this.directory = directory;
    this.envoyBinary = envoyBinary;
    this.#poolsAdminPort = poolsAdmin;
    this.places = { router: place("router", own.slice(0, 4)), envoy: place("envoy", own.slice(4)) };
  }

  /** Makes the directory, and starts the pools. */
  static async create(cores: Cores): Promise<Arms> {
    const binary = await ensureEnvoy();
    const directory = await mkdtemp(join(tmpdir(), "pool-migration-bench-"));
    const arms = new Arms(cores, directory, binary, await freePorts(11));
    await arms.#startPools();
    return arms;
  }

  /** Writes an arm's first files: the router's as its agent does. */
  async write(arm: Arm): Promise<void> {
    const { settings, files } = this.places[arm];
    if (arm === "router") {
      const routes = new RouteFiles(settings, files, overrideToken);
      const target = {
        revision: "r1.1",
        percentage: measuredPercentage,
        topology: "both" as const,
      };
      await routes.writeFirst(target, "bench", this.envoyBinary);
    } else {
      await mkdir(dirname(files.decisionLog), { recursive: true });
      const bootstrap = plainBootstrap(settings, files, measuredPercentage);
      await writeFile(files.bootstrap, JSON.stringify(bootstrap));
    }
  }

  /** Starts an arm's Envoy with the router pod's arguments and waits until it sees both pools ready. */
  async start(arm: Arm, signal: AbortSignal): Promise<PinnedProcess> {
    const { settings, files } = this.places[arm];
    const args = [...envoyArguments(settings, files), ...silent];
    const envoy = new PinnedProcess(this.cores.measured, this.envoyBinary, args);
    try {
      await envoy.ready(`http://127.0.0.1:${settings.ports.admin}/ready`, 20, signal);
      await bothReady(settings.ports.admin, signal);
    } catch (error) {
      await envoy.stop();
      throw error;
    }
    return envoy;
  }

  /** Ends the pools and removes the directory. */
  async remove(): Promise<void> {
    await this.#pools?.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #startPools(): Promise<void> {
    const config = join(this.directory, "pools.json");
    await writeFile(
      config,
      JSON.stringify(poolsBootstrap(this.places.router.settings, this.#poolsAdminPort)),
    );
    const args = ["-c", config, "--concurrency", "1", "--disable-hot-restart", ...silent];
    this.#pools = new PinnedProcess(this.cores.pools, this.envoyBinary, args);
    await this.#pools.ready(`http://127.0.0.1:${this.#poolsAdminPort}/ready`);
  }
}

/** Waits until an Envoy's health checks see a host of each pool. */
export async function bothReady(
  adminPort: number,
  signal: AbortSignal,
  timeoutSeconds = 20,
): Promise<void> {
  const filter = encodeURIComponent("^cluster\\.worker-v[12]\\.membership_healthy$");
  const end = performance.now() + timeoutSeconds * 1000;
  while (performance.now() < end) {
    signal.throwIfAborted();
    const answer = await fetch(`http://127.0.0.1:${adminPort}/stats?filter=${filter}`);
    const ready = (await answer.text()).split("\n").filter((line) => line.endsWith(": 1"));
    if (ready.length === 2) return;
    await sleep(20);
  }
  throw new Error(`Envoy does not see both pools ready after ${timeoutSeconds} s.`);
}
