import { readFileSync, rmSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { RouterFiles } from "../../../infra/rollout/envoy-bootstrap.ts";
import {
  renderBootstrap,
  renderValidationBootstrap,
} from "../../../infra/rollout/envoy-bootstrap.ts";
import { renderClusters } from "../../../infra/rollout/envoy-clusters.ts";
import { renderRoutes } from "../../../infra/rollout/envoy-routes.ts";
import type { RolloutHeader } from "../../../infra/rollout/rollout-record.ts";
import { parseRolloutHeader } from "../../../infra/rollout/rollout-record.ts";
import type { RouteTable, Topology } from "../../../infra/rollout/route-table.ts";
import { routeTable } from "../../../infra/rollout/route-table.ts";
import type { RouterSettings } from "../../../infra/rollout/router-settings.ts";
import { replaceFile } from "./atomic-file.ts";
import type { Target } from "./desired-rollout.ts";

/** What the files say that Envoy reads. */
export interface WrittenFiles extends RolloutHeader {
  /** Pools that the cluster file describes. */
  readonly clusters: Topology;
  /** Pools that the routes use. */
  readonly routes: Topology;
}

/** Writes the files that Envoy reads. */
export class RouteFiles {
  private readonly settings: RouterSettings;
  private readonly files: RouterFiles;
  private readonly overrideToken: string | undefined;

  constructor(settings: RouterSettings, files: RouterFiles, overrideToken: string | undefined) {
    this.settings = settings;
    this.files = files;
    this.overrideToken = overrideToken;
  }

  /** What an earlier process of this pod wrote; undefined where there is nothing, or nothing usable. */
  written(): WrittenFiles | undefined {
    try {
      const header = parseRolloutHeader(versionOf(this.files.routes));
      const clusters = versionOf(this.files.clusters);
      const routes = readFileSync(this.files.routes, "utf8").includes('"worker-v1"');
      if (header === undefined || (clusters !== "both" && clusters !== "v2-only")) return undefined;
      return { ...header, clusters, routes: routes ? "both" : "v2-only" };
    } catch {
      return undefined;
    }
  }

  /**
   * Validates everything with Envoy itself and then writes it; before that nothing is where Envoy reads.
   *
   * @param clusters pools in the cluster file; both where routes of both may follow or be in force
   * @throws Error with what Envoy says against it
   */
  async writeFirst(target: Target, node: string, envoyBinary: string): Promise<WrittenFiles> {
    const table = this.table(target);
    await mkdir(dirname(this.files.decisionLog), { recursive: true });
    await this.validate(table, envoyBinary);
    const bootstrap = renderBootstrap(this.settings, this.files, node);
    replaceFile(this.files.bootstrap, JSON.stringify(bootstrap));
    this.writeClusters(target.topology);
    return { ...this.writeRoutes(target), clusters: target.topology, routes: target.topology };
  }

  /** Replaces the cluster file. */
  writeClusters(topology: Topology): void {
    const content = renderClusters(this.settings, topology);
    replaceFile(this.files.clusters, JSON.stringify(content));
  }

  /** Replaces the route file; the clusters that it names must be in force already. */
  writeRoutes(target: Target): RolloutHeader {
    const content = renderRoutes(this.table(target), this.settings);
    replaceFile(this.files.routes, JSON.stringify(content));
    return { revision: target.revision, percentage: target.percentage };
  }

  private table({ revision, percentage, topology }: Target): RouteTable {
    return routeTable({
      revision,
      percentage,
      topology,
      idempotencyKeys: this.settings.idempotencyKeys,
      overrideToken: this.overrideToken,
    });
  }

  private async validate(table: RouteTable, envoyBinary: string): Promise<void> {
    const path = `${this.files.bootstrap}.validation.json`;
    const content = renderValidationBootstrap(this.settings, this.files, table);
    replaceFile(path, JSON.stringify(content));
    const args = ["--mode", "validate", "-c", path, "--reject-unknown-dynamic-fields"];
    try {
      await promisify(execFile)(envoyBinary, [...args, "-l", "critical"], { timeout: 20_000 });
    } catch (error) {
      const {
        stderr = "",
        stdout = "",
        message,
      } = error as Error & {
        stderr?: string;
        stdout?: string;
      };
      const said = `${stdout}${stderr}`.trim() || message;
      const detail = this.overrideToken ? said.replaceAll(this.overrideToken, "…") : said;
      throw new Error(`Envoy refuses the first configuration: ${detail}`, { cause: error });
    } finally {
      rmSync(path, { force: true });
    }
  }
}

function versionOf(path: string): string {
  const { version_info: version } = JSON.parse(readFileSync(path, "utf8")) as {
    version_info?: string;
  };
  return version ?? "";
}
