import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { objectNames } from "../../../infra/rollout/names.ts";
import type { AgentState } from "./agent-state.ts";
import type { ConfigMapObservation } from "./config-map-watch.ts";

/**
 * What the mounted ConfigMaps `rollout` and `brake` say: the former only where nothing was seen yet. What was seen of
 * the brake later is laid over its mount, because that may be a minute or two old and a brake that it shows may have
 * been released since.
 *
 * @param directory directory of the mounts
 */
export function mountedObservations(
  directory: string,
  state: Pick<AgentState, "rollout" | "brake">,
): Readonly<Partial<Record<"rollout" | "brake", ConfigMapObservation>>> {
  const rollout = mountedConfigMap(`${directory}/${objectNames.rollout}`);
  const brake = mountedConfigMap(`${directory}/${objectNames.brake}`);
  const { resourceVersion, data } = state.brake ?? { resourceVersion: "0", data: {} };
  return {
    ...(rollout === undefined || state.rollout !== undefined
      ? {}
      : { rollout: { kind: "present", resourceVersion: "0", data: rollout } }),
    ...(brake === undefined
      ? {}
      : { brake: { kind: "present", resourceVersion, data: { ...brake, ...data } } }),
  };
}

/** Content of a mounted ConfigMap; undefined where it is not mounted. */
function mountedConfigMap(directory: string): Record<string, string> | undefined {
  try {
    // Keys never begin with two dots: those are the kubelet's own links.
    const keys = readdirSync(directory).filter((key) => !key.startsWith(".."));
    return Object.fromEntries(keys.map((key) => [key, readFileSync(join(directory, key), "utf8")]));
  } catch {
    return undefined;
  }
}
