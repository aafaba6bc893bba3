import { decisionLogFormat } from "./decision-log.ts";
import { clusterList } from "./envoy-clusters.ts";
import type { Json } from "./envoy-routes.ts";
import { renderRouteConfiguration, routeConfigurationName } from "./envoy-routes.ts";
import { rolloutHeaderName } from "./rollout-record.ts";
import type { RouteTable } from "./route-table.ts";
import type { RouterSettings } from "./router-settings.ts";
import {
  idempotencyKeyHeader,
  overrideHeader,
  overrideTokenHeader,
  routeTimeoutSeconds,
} from "./router-settings.ts";

/** Directory that Envoy and the agent share in a pod. */
export const routerDirectory = "/var/lib/router";

/** Files under the shared directory. */
export interface RouterFiles {
  /** Envoy's static configuration. */
  readonly bootstrap: string;
  /** Clusters and routes, each alone in a directory: Envoy reads anew at every rename in a watched directory. */
  readonly clusters: string;
  readonly routes: string;
  /** Decision log, one JSON line a request. */
  readonly decisionLog: string;
  /** What the agent remembers over its own restarts. */
  readonly state: string;
  /** Begin of the names of the files with what it knows about the attempt in force. */
  readonly evidence: string;
}

/** Where the files are. */
export function routerFiles(directory: string = routerDirectory): RouterFiles {
  return {
    bootstrap: `${directory}/bootstrap.json`,
    clusters: `${directory}/dyn/cds/cds.json`,
    routes: `${directory}/dyn/rds/rds.json`,
    decisionLog: `${directory}/log/decisions.json`,
    state: `${directory}/state.json`,
    evidence: `${directory}/evidence.jsonl`,
  };
}

/** Arguments that Envoy is started with. */
export function envoyArguments(
  settings: Pick<RouterSettings, "concurrency">,
  files: RouterFiles = routerFiles(),
): string[] {
  return [
    "-c",
    files.bootstrap,
    "--concurrency",
    String(settings.concurrency),
    // A typo in a watched file would otherwise be accepted and, for example, lose the stickiness.
    "--reject-unknown-dynamic-fields",
    "--file-flush-interval-msec",
    "100",
    "--drain-time-s",
    "20",
    "--disable-hot-restart",
  ];
}

const hcm = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const routerFilter: Json = {
  name: "envoy.filters.http.router",
  typed_config: {
    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
  },
};

/**
 * Envoy's bootstrap: listeners, and where clusters and routes are watched.
 *
 * @param node name of the pod
 */
export function renderBootstrap(settings: RouterSettings, files: RouterFiles, node: string): Json {
  const routes = {
    rds: {
      route_config_name: routeConfigurationName,
      config_source: watchedFile(files.routes),
    },
  };
  return {
    ...common(settings, node),
    dynamic_resources: { cds_config: watchedFile(files.clusters) },
    static_resources: { listeners: listeners(settings, files, routes) },
  };
}

/**
 * The same with clusters and routes inside, for `envoy --mode validate`: that mode checks a bootstrap and does not
 * read the files that the bootstrap names.
 */
export function renderValidationBootstrap(
  settings: RouterSettings,
  files: RouterFiles,
  table: RouteTable,
): Json {
  const routes = { route_config: renderRouteConfiguration(table, settings) };
  return {
    ...common(settings, "validation"),
    static_resources: {
      listeners: listeners(settings, files, routes),
      clusters: clusterList(settings, table.topology),
    },
  };
}

function common(settings: RouterSettings, node: string): { readonly [key: string]: Json } {
  return {
    node: { id: node, cluster: "router" },
    admin: { address: socketAddress("127.0.0.1", settings.ports.admin) },
    layered_runtime: {
      // The session pattern is larger as a program (641) than RE2 programs may be by default (100).
      layers: [{ name: "static", static_layer: { "re2.max_program_size.error_level": 1000 } }],
    },
    // Looked up without a search, and a repeated header becomes one value "a,b", which fails the session pattern
    // and the token's comparison.
    inline_headers: [
      ...[settings.sessionHeader, overrideHeader, overrideTokenHeader, idempotencyKeyHeader].map(
        (name) => ({ inline_header_name: name }),
      ),
      { inline_header_name: rolloutHeaderName, inline_header_type: "RESPONSE_HEADER" },
    ],
    stats_config: {
      histogram_bucket_settings: [
        {
          match: { prefix: "cluster." },
          buckets: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000],
        },
      ],
    },
  };
}

function listeners(
  settings: RouterSettings,
  files: RouterFiles,
  routes: { readonly [key: string]: Json },
): Json {
  const { bindAddress, ports } = settings;
  return [
    listener("worker", socketAddress(bindAddress, ports.listener), {
      stat_prefix: "worker",
      use_remote_address: true,
      // A caller's own repetition of a request keeps its bucket.
      preserve_external_request_id: true,
      always_set_request_id_in_response: true,
      request_id_extension: {
        typed_config: {
          "@type": "type.googleapis.com/envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig",
          // It would change the id between decision and log.
          pack_trace_reason: false,
        },
      },
      // Callers see the pool's answer as without a router.
      server_header_transformation: "PASS_THROUGH",
      stream_idle_timeout: `${Math.max(300, routeTimeoutSeconds(settings) + 5)}s`,
      ...routes,
      access_log: [
        {
          name: "envoy.access_loggers.file",
          typed_config: {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            path: files.decisionLog,
            log_format: { json_format: decisionLogFormat(settings.sessionHeader) },
          },
        },
      ],
      http_filters: [routerFilter],
    }),
    // Envoy's own and not the agent's, so that a dead agent takes nothing off the air.
    listener("readiness", socketAddress(bindAddress, ports.readiness), {
      stat_prefix: "readiness",
      route_config: {
        virtual_hosts: [
          {
            name: "readiness",
            domains: ["*"],
            routes: [{ match: { prefix: "/" }, direct_response: { status: 404 } }],
          },
        ],
      },
      http_filters: [
        {
          name: "envoy.filters.http.health_check",
          typed_config: {
            "@type":
              "type.googleapis.com/envoy.extensions.filters.http.health_check.v3.HealthCheck",
            pass_through_mode: false,
            headers: [{ name: ":path", string_match: { exact: "/ready" } }],
          },
        },
        routerFilter,
      ],
    }),
  ];
}

function listener(name: string, address: Json, manager: { readonly [key: string]: Json }): Json {
  return {
    name,
    address,
    filter_chains: [
      {
        filters: [
          {
            name: "envoy.filters.network.http_connection_manager",
            typed_config: { "@type": `type.googleapis.com/${hcm}`, ...manager },
          },
        ],
      },
    ],
  };
}

function socketAddress(address: string, port: number): Json {
  return { socket_address: { address, port_value: port } };
}

/** Envoy waits for the file for as long as it takes: serving without routes would answer 404. */
function watchedFile(path: string): Json {
  const directory = path.slice(0, path.lastIndexOf("/"));
  return {
    resource_api_version: "V3",
    initial_fetch_timeout: "0s",
    path_config_source: { path, watched_directory: { path: directory } },
  };
}
