import { invalid, problem, setCommand } from "../messages.ts";
import type { Problem } from "../messages.ts";
import { quantityValue } from "../quantity.ts";
import type { ParsedSections } from "../schema.ts";

/** Environment variables of a pool's container that the program sets itself, and the key that each comes from. */
const ownVariables: Readonly<Record<string, string>> = {
  POOL_PORT: "pool.port",
  POOL_OPERATION_TIMEOUT_MS: "pool.operationTimeoutSeconds",
  POOL_DRAIN_TIMEOUT_S: "pool.drainTimeoutSeconds",
  POOL_SETTLE_S: "the time that the router needs to notice",
  POOL_VERSION: "the side",
  POOL_FLAGS_FILE: "flags",
};

/** A stopping pod has time for what it accepted. */
export function timeoutRules({ pool }: ParsedSections): readonly Problem[] {
  if (pool === undefined || pool.drainTimeoutSeconds >= pool.operationTimeoutSeconds) return [];
  const path = ["pool", "drainTimeoutSeconds"];
  return [
    invalid(
      path,
      pool.drainTimeoutSeconds,
      `must be at least pool.operationTimeoutSeconds (${pool.operationTimeoutSeconds}), ` +
        "or a stopping pod cuts requests that it accepted",
      setCommand(path, String(pool.operationTimeoutSeconds)),
    ),
  ];
}

/** Variables of the program itself are not the user's. */
export function settingsRules(config: ParsedSections): readonly Problem[] {
  return (["pool", "v2"] as const).flatMap((section) =>
    Object.keys(config[section]?.settings ?? {}).flatMap((name) => {
      const source = ownVariables[name];
      if (source === undefined) return [];
      return [
        problem(
          [section, "settings", name],
          `cannot be set, because the program sets it from ${source}`,
          `pulumi config rm --path 'pool-migration:${section}.settings.${name}'`,
        ),
      ];
    }),
  );
}

/** The autoscaler's range. */
export function replicaRules({ v2 }: ParsedSections): readonly Problem[] {
  if (v2?.replicas.max === undefined || v2.replicas.max >= v2.replicas.min) return [];
  const path = ["v2", "replicas", "max"];
  const reason = `must be at least v2.replicas.min (${v2.replicas.min})`;
  return [invalid(path, v2.replicas.max, reason, setCommand(path, String(v2.replicas.min)))];
}

/** Kubernetes refuses a request above its limit, but only when the pods are made. */
export function resourceRules(config: ParsedSections): readonly Problem[] {
  return (["v1", "v2"] as const).flatMap((side) =>
    (["cpu", "memory"] as const).flatMap((resource) => {
      const { requests, limits } = config[side]?.resources ?? {};
      const [request, limit] = [requests?.[resource], limits?.[resource]];
      if (request === undefined || limit === undefined) return [];
      if (quantityValue(request) <= quantityValue(limit)) return [];
      const path = [side, "resources", "limits", resource];
      const reason = `must be at least ${side}.resources.requests.${resource} (${request})`;
      return [invalid(path, limit, reason, setCommand(path, request))];
    }),
  );
}
