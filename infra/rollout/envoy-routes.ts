import { sessionIdPattern } from "./decision.ts";
import { formatRolloutHeader, rolloutHeaderName } from "./rollout-record.ts";
import type { OverrideRoute, RouteTable, SplitRoute } from "./route-table.ts";
import type { RouterSettings } from "./router-settings.ts";
import {
  idempotencyKeyHeader,
  overrideHeader,
  overrideTokenHeader,
  routeTimeoutSeconds,
} from "./router-settings.ts";

/** Name of the route configuration that the listener asks for. */
export const routeConfigurationName = "worker";

/** A value of Envoy's JSON configuration. */
export type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

const predicates = "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3";

/**
 * Headers that the pools do not get: the override with its token. Those with which a caller could change how the router
 * retries, and so hide a bad V2, Envoy itself takes off, because no caller counts as internal.
 */
const removedRequestHeaders = [overrideHeader, overrideTokenHeader];

/** RDS answer that holds the table, for a watched file. */
export function renderRoutes(table: RouteTable, settings: RouterSettings): Json {
  return {
    version_info: formatRolloutHeader(table),
    resources: [
      {
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        ...renderRouteConfiguration(table, settings),
      },
    ],
  };
}

/** The table as Envoy's RouteConfiguration. */
export function renderRouteConfiguration(
  table: RouteTable,
  settings: RouterSettings,
): { readonly [key: string]: Json } {
  return {
    name: routeConfigurationName,
    // Without it a route to a cluster that does not exist is accepted and answers 503.
    validate_clusters: true,
    response_headers_to_add: [
      {
        header: { key: rolloutHeaderName, value: formatRolloutHeader(table) },
        append_action: "OVERWRITE_IF_EXISTS_OR_ADD",
      },
    ],
    request_headers_to_remove: removedRequestHeaders,
    virtual_hosts: [
      {
        name: "worker",
        domains: ["*"],
        include_attempt_count_in_response: true,
        // For every request: nothing has reached a pool when these happen. 5xx answers are never repeated, so that
        // a bad V2 stays visible.
        retry_policy: retryPolicy("connect-failure,refused-stream,reset-before-request"),
        routes: table.routes.map((route) =>
          route.kind === "override"
            ? renderOverride(route, settings)
            : renderSplit(route, settings),
        ),
      },
    ],
  };
}

function renderOverride(route: OverrideRoute, settings: RouterSettings): Json {
  return {
    name: route.name,
    match: {
      prefix: "/",
      headers: [
        { name: overrideHeader, string_match: { exact: route.side } },
        { name: overrideTokenHeader, string_match: { exact: route.token } },
      ],
    },
    route: { cluster: route.cluster, timeout: timeout(settings) },
  };
}

function renderSplit(route: SplitRoute, settings: RouterSettings): Json {
  const header = route.hashed === "session" ? settings.sessionHeader : "x-request-id";
  return {
    name: route.name,
    match: { prefix: "/", headers: splitConditions(route, settings) },
    route: {
      timeout: timeout(settings),
      hash_policy: [{ header: { header_name: header } }],
      weighted_clusters: {
        use_hash_policy: true,
        clusters: route.arms.map(({ cluster, weight }) => ({ name: cluster, weight })),
      },
      ...(route.retryClass === "once"
        ? {}
        : { retry_policy: retryPolicy("connect-failure,refused-stream,reset") }),
    },
  };
}

function splitConditions(route: SplitRoute, settings: RouterSettings): Json[] {
  const conditions: Json[] = [];
  if (route.method !== undefined) {
    conditions.push({ name: ":method", string_match: { exact: route.method } });
  }
  if (route.retryClass === "keyed") {
    conditions.push({ name: idempotencyKeyHeader, string_match: { safe_regex: { regex: ".+" } } });
  }
  if (route.hashed === "session") {
    conditions.push({
      name: settings.sessionHeader,
      string_match: { safe_regex: { regex: sessionIdPattern } },
    });
  }
  return conditions;
}

/** A dead host attracts LEAST_REQUEST: without the predicate a retry would often choose it again. */
function retryPolicy(retryOn: string): { readonly [key: string]: Json } {
  return {
    retry_on: retryOn,
    // One less than the entries of the composite cluster: attempt n goes to entry n.
    num_retries: 3,
    retry_back_off: { base_interval: "0.005s", max_interval: "0.050s" },
    retry_host_predicate: [
      {
        name: "envoy.retry_host_predicates.previous_hosts",
        typed_config: { "@type": `${predicates}.PreviousHostsPredicate` },
      },
    ],
    host_selection_retry_max_attempts: 20,
  };
}

function timeout(settings: RouterSettings): string {
  return `${routeTimeoutSeconds(settings)}s`;
}
