import { decisionLogFormat } from "../../../infra/rollout/decision-log.ts";
import type { Json } from "../../../infra/rollout/envoy-routes.ts";
import type { RouterSettings } from "../../../infra/rollout/router-settings.ts";

/** Where a value lies in a configuration; `*` stands for every element of a list. */
export type Path = readonly (string | number)[];

/**
 * A configuration with one value changed, the given one untouched. Elements under a `*` that have nothing there stay as
 * they are.
 *
 * @param value the new value; undefined removes it
 * @throws RangeError if there is nothing at the path: a variant that changes nothing would show a cost of nothing
 */
export function withValue(config: Json, path: Path, value: Json | undefined): Json {
  if (!isAt(config, path)) throw new RangeError(`There is nothing at ${path.join(".")} to change.`);
  const [step, ...rest] = path;
  const entries = Object.entries(config as Readonly<Record<string, Json>>).flatMap(
    ([key, old]): [string, Json][] => {
      if ((step !== "*" && key !== String(step)) || !isAt(old, rest)) return [[key, old]];
      const next = rest.length === 0 ? value : withValue(old, rest, value);
      return next === undefined ? [] : [[key, next]];
    },
  );
  return Array.isArray(config)
    ? entries.map(([, element]) => element)
    : Object.fromEntries(entries);
}

function isAt(config: Json | undefined, [step, ...rest]: Path): boolean {
  if (step === undefined) return config !== undefined;
  if (typeof config !== "object") return false;
  if (step === "*") return Object.values(config).some((element) => isAt(element, rest));
  return isAt((config as Readonly<Record<string, Json>>)[String(step)], rest);
}

/** The router's listener with one of its features taken away. */
export interface Variant {
  /** What is different, as the table says it. */
  readonly name: string;
  readonly changes: readonly { readonly path: Path; readonly value?: Json }[];
}

const manager = ["filter_chains", 0, "filters", 0, "typed_config"] as const;
const host = [...manager, "route_config", "virtual_hosts", 0] as const;
const route = [...host, "routes", "*", "route"] as const;

/** Features of the router, each taken away alone. */
export function variants(settings: RouterSettings): readonly Variant[] {
  const logFormat = [...manager, "access_log", 0, "typed_config", "log_format"];
  const operators = Object.values(decisionLogFormat(settings.sessionHeader));
  const text = { text_format_source: { inline_string: `${operators.join(" ")}\n` } };
  return [
    { name: "without the access log", changes: [{ path: [...manager, "access_log"], value: [] }] },
    { name: "text log in place of JSON", changes: [{ path: logFormat, value: text }] },
    {
      name: "plain V2 cluster in place of the composite",
      changes: [
        { path: [...route, "weighted_clusters", "clusters", 0, "name"], value: "worker-v2" },
      ],
    },
    {
      name: "random split in place of the hash",
      changes: [
        { path: [...route, "hash_policy"] },
        { path: [...route, "weighted_clusters", "use_hash_policy"] },
      ],
    },
    {
      name: "without the answer header x-rollout",
      changes: [{ path: [...manager, "route_config", "response_headers_to_add"] }],
    },
    {
      name: "without removing request headers",
      changes: [{ path: [...manager, "route_config", "request_headers_to_remove"] }],
    },
    {
      name: "without retries",
      changes: [{ path: [...host, "retry_policy"] }, { path: [...route, "retry_policy"] }],
    },
    {
      name: "without the attempt count in the answer",
      changes: [{ path: [...host, "include_attempt_count_in_response"] }],
    },
    {
      name: "without the request id in the answer",
      changes: [{ path: [...manager, "always_set_request_id_in_response"] }],
    },
    {
      name: "without the caller's address",
      changes: [{ path: [...manager, "use_remote_address"] }],
    },
  ];
}
