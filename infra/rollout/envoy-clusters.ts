import type { Side } from "./decision.ts";
import type { Json } from "./envoy-routes.ts";
import type { Topology } from "./route-table.ts";
import type { RouterSettings } from "./router-settings.ts";

const clusterType = "type.googleapis.com/envoy.config.cluster.v3.Cluster";

/** CDS answer with the clusters of a topology, for a watched file. */
export function renderClusters(settings: RouterSettings, topology: Topology): Json {
  return {
    version_info: topology,
    resources: clusterList(settings, topology).map((cluster) => ({
      "@type": clusterType,
      ...cluster,
    })),
  };
}

/** The clusters of a topology as Envoy's Cluster. */
export function clusterList(
  settings: RouterSettings,
  topology: Topology,
): readonly { readonly [key: string]: Json }[] {
  const v2 = poolCluster("v2", settings);
  return topology === "v2-only" ? [v2] : [poolCluster("v1", settings), v2, fallbackCluster];
}

/**
 * A pool's hosts, resolved each second from its headless Service, where not-ready pods are published too: Envoy's
 * own health checks alone decide who gets requests.
 */
function poolCluster(side: Side, settings: RouterSettings): { readonly [key: string]: Json } {
  const name = `worker-${side}`;
  const { host, port } = settings.pools[side];
  return {
    name,
    cluster_type: {
      name: "envoy.clusters.dns",
      typed_config: {
        "@type": "type.googleapis.com/envoy.extensions.clusters.dns.v3.DnsCluster",
        dns_refresh_rate: "1s",
        dns_failure_refresh_rate: { base_interval: "1s", max_interval: "1s" },
        respect_dns_ttl: false,
        dns_lookup_family: "V4_PREFERRED",
      },
    },
    connect_timeout: "0.25s",
    // The hash has already chosen the pool; inside it the idlest host is best.
    lb_policy: "LEAST_REQUEST",
    // No ready host means no host on V2, and the arm goes on to V1. V1 keeps Envoy's default (panic below 50 %
    // sends to all hosts): it is the last resort.
    ...(side === "v2" ? { common_lb_config: { healthy_panic_threshold: { value: 0 } } } : {}),
    load_assignment: {
      cluster_name: name,
      endpoints: [
        {
          lb_endpoints: [
            {
              endpoint: { address: { socket_address: { address: host, port_value: port } } },
              // Read by the decision log: the side that answered.
              metadata: { filter_metadata: { rollout: { implementation: side } } },
            },
          ],
        },
      ],
    },
    circuit_breakers: {
      thresholds: [
        {
          max_connections: 4096,
          max_pending_requests: 4096,
          max_requests: 4096,
          retry_budget: { budget_percent: { value: 50 }, min_retry_concurrency: 200 },
        },
      ],
    },
    typed_extension_protocol_options: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicit_http_config: { http_protocol_options: {} },
        // Shorter than the keep-alive of common servers (5 s in Node and uvicorn): who closes first must be Envoy,
        // or a request meets a connection that the pool is closing.
        common_http_protocol_options: { idle_timeout: "4s" },
      },
    },
    health_checks: [
      {
        timeout: "0.5s",
        interval: "1s",
        no_traffic_interval: "1s",
        unhealthy_threshold: 2,
        healthy_threshold: 1,
        http_health_check: {
          path: settings.readinessPath,
          // The same statuses that the kubelet takes for ready.
          expected_statuses: [{ start: 200, end: 400 }],
        },
      },
    ],
  };
}

/**
 * The arm "decided V2": attempt n goes to entry n. V2 twice, so that one dead host costs no fallback while another
 * lives; then V1. The retry budget counts on this cluster, not on its entries, and must not run out while V2 dies.
 */
const fallbackCluster: { readonly [key: string]: Json } = {
  name: "worker-v2-then-v1",
  connect_timeout: "0.25s",
  lb_policy: "CLUSTER_PROVIDED",
  cluster_type: {
    name: "envoy.clusters.composite",
    typed_config: {
      "@type": "type.googleapis.com/envoy.extensions.clusters.composite.v3.ClusterConfig",
      clusters: [
        { name: "worker-v2" },
        { name: "worker-v2" },
        { name: "worker-v1" },
        { name: "worker-v1" },
      ],
    },
  },
  circuit_breakers: {
    thresholds: [
      {
        retry_budget: { budget_percent: { value: 100 }, min_retry_concurrency: 1000 },
      },
    ],
  },
};
