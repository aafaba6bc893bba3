import * as http from "node:http";
import type { RolloutHeader } from "../../../infra/rollout/rollout-record.ts";
import { parseRolloutHeader } from "../../../infra/rollout/rollout-record.ts";

/** What Envoy says about itself at one instant. */
export interface EnvoyView {
  /** What decides requests now, from the route configuration in force; undefined before there is one. */
  readonly applied: RolloutHeader | undefined;
  /** Hosts that its health checks call healthy. */
  readonly readyHosts: { readonly v1: number; readonly v2: number };
  /** Requests that each pool works on. */
  readonly inFlight: { readonly v1: number; readonly v2: number };
  /** Clusters that are in force. */
  readonly clusters: readonly string[];
  /** Files that it refused since it started. */
  readonly refusals: number;
  /** Requests of callers that it finished since it started. */
  readonly completed: number;
  /** Bytes of the decision log that it has not written yet. */
  readonly unwrittenBytes: number;
  /** When it started, to about a second; milliseconds since 1970. */
  readonly start: number;
  /** Just after the figures were taken, milliseconds since 1970. */
  readonly time: number;
}

/** Connections and requests of callers. */
export interface EnvoyTraffic {
  readonly connections: number;
  readonly requests: number;
}

const connections = "http.worker.downstream_cx_active";
const requests = "http.worker.downstream_rq_active";
const completed = "http.worker.downstream_rq_completed";
const inFlight = {
  v1: "cluster.worker-v1.upstream_rq_active",
  v2: "cluster.worker-v2.upstream_rq_active",
};
const unwritten = "filesystem.write_total_buffered";
const refusals = [
  "http.worker.rds.worker.update_rejected",
  "http.worker.rds.worker.update_failure",
  "cluster_manager.cds.update_rejected",
  "cluster_manager.cds.update_failure",
];

/** How long an answer of the admin interface may take; it is on loopback. Milliseconds. */
const answerLimit = 2_000;

interface HostStatus {
  health_status?: Record<string, unknown>;
}

interface ClusterStatus {
  name: string;
  host_statuses?: HostStatus[];
}

/**
 * Envoy's admin interface on loopback.
 *
 * @see https://www.envoyproxy.io/docs/envoy/latest/operations/admin
 */
export class EnvoyAdmin {
  private readonly port: number;
  private readonly connections = new http.Agent({ keepAlive: true, maxSockets: 4 });

  constructor(port: number) {
    this.port = port;
  }

  /** Everything that the agent follows; undefined when Envoy does not answer. */
  async view(): Promise<EnvoyView | undefined> {
    try {
      const [routes, clusters, info, stats] = await Promise.all([
        this.json<{ configs?: unknown[] }>(
          "/config_dump?resource=dynamic_route_configs&mask=route_config.response_headers_to_add",
        ).catch(nothingLoaded),
        this.json<{ cluster_statuses?: ClusterStatus[] }>("/clusters?format=json"),
        this.json<{ uptime_current_epoch?: string }>("/server_info"),
        this.stats([completed, unwritten, inFlight.v1, inFlight.v2, ...refusals]),
      ]);
      const time = Date.now();
      const statuses = clusters.cluster_statuses ?? [];
      return {
        applied: appliedHeader(routes.configs),
        readyHosts: {
          v1: readyHosts(statuses, "worker-v1"),
          v2: readyHosts(statuses, "worker-v2"),
        },
        inFlight: { v1: stats.get(inFlight.v1) ?? 0, v2: stats.get(inFlight.v2) ?? 0 },
        clusters: statuses.map(({ name }) => name),
        refusals: refusals.reduce((sum, name) => sum + (stats.get(name) ?? 0), 0),
        completed: stats.get(completed) ?? 0,
        unwrittenBytes: stats.get(unwritten) ?? 0,
        start: time - 1000 * Number.parseFloat(info.uptime_current_epoch ?? "0"),
        time,
      };
    } catch {
      return undefined;
    }
  }

  /** Connections and requests of callers that are open now. */
  async traffic(): Promise<EnvoyTraffic> {
    const stats = await this.stats([connections, requests]);
    return { connections: stats.get(connections) ?? 0, requests: stats.get(requests) ?? 0 };
  }

  /** Makes Envoy open the decision log by name again, after a rename. */
  async reopenLogs(): Promise<void> {
    await this.request("POST", "/reopen_logs");
  }

  /** Asks callers to leave: readiness fails, and every answer closes its connection. */
  async startDrain(): Promise<void> {
    await this.request("POST", "/healthcheck/fail");
  }

  close(): void {
    this.connections.destroy();
  }

  private async stats(names: readonly string[]): Promise<Map<string, number>> {
    const filter = `^(${names.map((name) => name.replaceAll(".", "\\.")).join("|")})$`;
    const { stats } = await this.json<{ stats: { name?: string; value?: number }[] }>(
      `/stats?format=json&filter=${encodeURIComponent(filter)}`,
    );
    return new Map(stats.map(({ name, value }) => [name ?? "", value ?? 0]));
  }

  private async json<T>(path: string): Promise<T> {
    return JSON.parse(await this.request("GET", path)) as T;
  }

  private request(method: "GET" | "POST", path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = http.request(
        {
          host: "127.0.0.1",
          port: this.port,
          method,
          path,
          agent: this.connections,
          signal: AbortSignal.timeout(answerLimit),
        },
        (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk: string) => (text += chunk));
          response.on("error", reject);
          response.on("end", () => {
            if (response.statusCode === 200) resolve(text);
            else {
              reject(
                new Error(`${method} ${path} of Envoy: ${response.statusCode} ${text.trim()}`),
              );
            }
          });
        },
      );
      request.on("error", reject);
      request.end();
    });
  }
}

/** Envoy answers 404 for a resource of which nothing is loaded yet. */
function nothingLoaded(error: unknown): { configs?: unknown[] } {
  if (error instanceof Error && error.message.includes(" 404 ")) return {};
  throw error;
}

interface RouteConfigDump {
  route_config?: { response_headers_to_add?: { header?: { value?: string } }[] };
}

function appliedHeader(configs: unknown[] | undefined): RolloutHeader | undefined {
  const [dump] = (configs ?? []) as RouteConfigDump[];
  const value = dump?.route_config?.response_headers_to_add?.[0]?.header?.value;
  return value === undefined ? undefined : parseRolloutHeader(value);
}

/** A host without any failure flag; one that was not checked yet carries `failed_active_health_check`. */
function readyHosts(statuses: readonly ClusterStatus[], cluster: string): number {
  const hosts = statuses.find(({ name }) => name === cluster)?.host_statuses ?? [];
  return hosts.filter(({ health_status: health = {} }) => {
    const { eds_health_status: status, ...failures } = health;
    return status === "HEALTHY" && Object.values(failures).every((failed) => failed !== true);
  }).length;
}
