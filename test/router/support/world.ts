import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RouterFiles } from "../../../infra/rollout/envoy-bootstrap.ts";
import { routerFiles } from "../../../infra/rollout/envoy-bootstrap.ts";
import type {
  RouterSettings,
  RouterSettingsInput,
} from "../../../infra/rollout/router-settings.ts";
import { routerSettingsSchema } from "../../../infra/rollout/router-settings.ts";
import { EnvoyProcess } from "./envoy-process.ts";
import { freePorts } from "./ports.ts";
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

  /** Address of Envoy's listener. */
  get url(): string {
    return `http://127.0.0.1:${this.settings.ports.listener}`;
  }

  async destroy(): Promise<void> {
    await this.envoy.stop();
    await Promise.all([this.v1.stop(), this.v2.stop()]);
    await rm(this.directory, { recursive: true, force: true });
  }
}
