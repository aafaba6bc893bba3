import { decisionLogFormat } from "../../../infra/rollout/decision-log.ts";
import type { RouterFiles } from "../../../infra/rollout/envoy-bootstrap.ts";
import { clusterList } from "../../../infra/rollout/envoy-clusters.ts";
import type { Json } from "../../../infra/rollout/envoy-routes.ts";
import { splitWeights } from "../../../infra/rollout/percentage.ts";
import { routeTimeoutSeconds } from "../../../infra/rollout/router-settings.ts";
import type { RouterSettings } from "../../../infra/rollout/router-settings.ts";

const extensions = "type.googleapis.com/envoy.extensions";

/** Envoy's HTTP router as the only filter. */
const routerFilter: Json = {
  name: "envoy.filters.http.router",
  typed_config: { "@type": `${extensions}.filters.http.router.v3.Router` },
};

/** A listener on 127.0.0.1 with an HTTP connection manager of Envoy's defaults. */
function httpListener(
  name: string,
  port: number,
  manager: { readonly [key: string]: Json },
): { readonly [key: string]: Json } {
  return {
    name,
    address: { socket_address: { address: "127.0.0.1", port_value: port } },
    filter_chains: [
      {
        filters: [
          {
            name: "envoy.filters.network.http_connection_manager",
            typed_config: {
              "@type": `${extensions}.filters.network.http_connection_manager.v3.HttpConnectionManager`,
              stat_prefix: name,
              http_filters: [routerFilter],
              ...manager,
            },
          },
        ],
      },
    ],
  };
}

/**
 * The listener that a router without this project would have: Envoy's defaults, one route that splits at random by
 * the same weights between the plain clusters, and the same access log.
 */
function plainListener(
  settings: RouterSettings,
  files: RouterFiles,
  percentage: number,
): { readonly [key: string]: Json } {
  const weights = splitWeights(percentage);
  const route = {
    timeout: `${routeTimeoutSeconds(settings)}s`,
    weighted_clusters: {
      clusters: [
        { name: "worker-v2", weight: weights.v2 },
        { name: "worker-v1", weight: weights.v1 },
      ],
    },
  };
  return httpListener("plain", settings.ports.listener, {
    route_config: {
      virtual_hosts: [
        { name: "plain", domains: ["*"], routes: [{ match: { prefix: "/" }, route }] },
      ],
    },
    access_log: [
      {
        name: "envoy.access_loggers.file",
        typed_config: {
          "@type": `${extensions}.access_loggers.file.v3.FileAccessLog`,
          path: files.decisionLog,
          log_format: { json_format: decisionLogFormat(settings.sessionHeader) },
        },
      },
    ],
  });
}

/** The plain clusters of both pools, as the router has them. */
function plainClusters(settings: RouterSettings): readonly Json[] {
  return clusterList(settings, "both").filter(({ name }) => name !== "worker-v2-then-v1");
}

/** Bootstrap of a plain Envoy. */
export function plainBootstrap(
  settings: RouterSettings,
  files: RouterFiles,
  percentage: number,
): Json {
  return {
    node: { id: "plain", cluster: "plain" },
    admin: {
      address: { socket_address: { address: "127.0.0.1", port_value: settings.ports.admin } },
    },
    static_resources: {
      listeners: [plainListener(settings, files, percentage)],
      clusters: plainClusters(settings),
    },
  };
}

/** Bootstrap of an Envoy that answers for both pools itself: it costs less than any server in Node. */
export function poolsBootstrap(settings: RouterSettings, adminPort: number): Json {
  const body = { inline_string: '{"status":"completed","result":6}' };
  const listeners = (["v1", "v2"] as const).map((side) =>
    httpListener(`pool-${side}`, settings.pools[side].port, {
      route_config: {
        virtual_hosts: [
          {
            name: "pool",
            domains: ["*"],
            routes: [{ match: { prefix: "/" }, direct_response: { status: 200, body } }],
          },
        ],
      },
    }),
  );
  return {
    node: { id: "pools", cluster: "pools" },
    admin: { address: { socket_address: { address: "127.0.0.1", port_value: adminPort } } },
    static_resources: { listeners },
  };
}
