import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { RouterFiles } from "../../../infra/rollout/envoy-bootstrap.ts";
import { routerFiles } from "../../../infra/rollout/envoy-bootstrap.ts";
import type {
  RouterSettings,
  RouterSettingsInput,
} from "../../../infra/rollout/router-settings.ts";
import { routerSettingsSchema } from "../../../infra/rollout/router-settings.ts";
import { RouteFiles } from "../../../scripts/agents/router/route-files.ts";
import { ensureEnvoy } from "../../../scripts/local/tools/envoy.ts";
import { EnvoyProcess } from "./envoy-process.ts";
import { EnvoyAdmin } from "../../../scripts/agents/router/envoy-admin.ts";
import { waitUntil } from "./wait-until.ts";
import { freePorts } from "../../../scripts/lib/free-ports.ts";
import { Upstream } from "./upstream.ts";

/** Token of the override header in tests. */
export const overrideToken = "an-override-token-for-tests";

/** Two pools of one host each and a router's directory, all on loopback. */
export class World {
  readonly directory: string;
  readonly settings: RouterSettings;
  readonly files: RouterFiles;
  readonly v1: Upstream;
  readonly v2: Upstream;
  readonly envoy: EnvoyProcess;
  private quickPools: Worker | undefined;
  /** A further free port. */
  readonly sparePort: number;

  private constructor(directory: string, settings: RouterSettings, sparePort: number) {
    this.directory = directory;
    this.settings = settings;
    this.sparePort = sparePort;
    this.files = routerFiles(directory);
    this.v1 = new Upstream("v1", settings.pools.v1.port);
    this.v2 = new Upstream("v2", settings.pools.v2.port);
    this.envoy = new EnvoyProcess(settings, this.files);
  }

  /** Makes one; both pools run. */
  static async create(changes: Partial<RouterSettingsInput> = {}): Promise<World> {
    const [listener = 0, readiness = 0, admin = 0, agent = 0, v1 = 0, v2 = 0, spare = 0] =
      await freePorts(7);
    const settings = routerSettingsSchema.parse({
      bindAddress: "127.0.0.1",
      ports: { listener, readiness, admin, agent },
      sessionHeader: "x-session-id",
      pools: { v1: { host: "127.0.0.1", port: v1 }, v2: { host: "127.0.0.1", port: v2 } },
      readinessPath: "/readyz",
      operationTimeoutSeconds: 5,
      idempotencyKeys: true,
      concurrency: 1,
      ...changes,
    });
    const directory = await mkdtemp(join(tmpdir(), "router-"));
    const world = new World(directory, settings, spare);
    await Promise.all([world.v1.start(), world.v2.start()]);
    return world;
  }

  /** Writes first files for a percentage, starts Envoy and waits until it sees both pools. */
  async startEnvoy(percentage: number, token: string | null = overrideToken): Promise<RouteFiles> {
    const routes = new RouteFiles(this.settings, this.files, token ?? undefined);
    const target = { revision: "r1.1", percentage, topology: "both" as const };
    await routes.writeFirst(target, "test", await ensureEnvoy());
    await this.envoy.start();
    await this.readyHosts(1, 1);
    return routes;
  }

  /** Waits until Envoy's health checks see these numbers of hosts. */
  async readyHosts(v1: number, v2: number): Promise<void> {
    const admin = new EnvoyAdmin(this.settings.ports.admin);
    await waitUntil(`${v1} and ${v2} ready hosts`, async () => {
      const hosts = (await admin.view())?.readyHosts;
      return hosts?.v1 === v1 && hosts.v2 === v2;
    });
    admin.close();
  }

  /** Replaces the routes and waits until Envoy applies them. */
  async swap(routes: RouteFiles, revision: string, percentage: number): Promise<void> {
    const admin = new EnvoyAdmin(this.settings.ports.admin);
    routes.writeRoutes({ revision, percentage, topology: "both" });
    await waitUntil(`${revision} to be applied`, async () => {
      const applied = (await admin.view())?.applied;
      return applied?.revision === revision && applied.percentage === percentage;
    });
    admin.close();
  }

  /** Puts pools that answer many thousand requests a second in the place of the ordinary ones. */
  async useQuickPools(): Promise<void> {
    await Promise.all([this.v1.stop(), this.v2.stop()]);
    const { v1, v2 } = this.settings.pools;
    const workerData = [
      { side: "v1", port: v1.port },
      { side: "v2", port: v2.port },
    ];
    this.quickPools = new Worker(new URL("./quick-upstream.ts", import.meta.url), { workerData });
    await once(this.quickPools, "message");
  }

  /** Address of Envoy's listener. */
  get url(): string {
    return `http://127.0.0.1:${this.settings.ports.listener}`;
  }

  async destroy(): Promise<void> {
    await this.envoy.stop();
    await Promise.all([this.v1.stop(), this.v2.stop(), this.quickPools?.terminate()]);
    await rm(this.directory, { recursive: true, force: true });
  }
}
