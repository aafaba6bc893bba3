import type { GuardPodSettings } from "../../../infra/rollout/guard-settings.ts";
import { parseGuardSettings } from "../../../infra/rollout/guard-settings.ts";
import type { ClusterConnection } from "../../lib/cluster-connection.ts";
import { readSettings } from "../migrate/settings.ts";
import type { MigrateSettings } from "../migrate/settings.ts";

/** What a guard is started with. */
export interface GuardOptions {
  readonly settings: GuardPodSettings;
  /** Name and namespace of the pod. */
  readonly pod: string;
  readonly namespace: string;
  /** Token of the router-agents' interface, and of the guard's own. */
  readonly token: string;
  /** Token of the direct brake; without it the guard brakes through the API server alone. */
  readonly brakeToken: string | undefined;
  /** The journal's database, as the writer; undefined: the stack has none. */
  readonly database: MigrateSettings | undefined;
  /** Directory for what outlives the container. */
  readonly directory: string;
  /** The pools' flags, as the pools read them. */
  readonly flagsFile: string;
  /** Opens the connection to the API server; called again until it succeeds. */
  readonly connect: () => Promise<ClusterConnection>;
}

/**
 * Options of a guard in its pod, from the environment that its Deployment sets.
 *
 * @throws RangeError that names the variable and what is wrong with it; VerbError for those of the database
 */
export function guardOptions(
  environment: NodeJS.ProcessEnv,
  connect: () => Promise<ClusterConnection>,
): GuardOptions {
  const required = (name: string): string => {
    const value = environment[name];
    if (value === undefined || value === "") {
      throw new RangeError(`${name} is not set: the guard's Deployment sets it.`);
    }
    return value;
  };
  return {
    settings: parseGuardSettings(environment["GUARD_SETTINGS"]),
    pod: required("POD_NAME"),
    namespace: required("POD_NAMESPACE"),
    token: required("GUARD_TOKEN"),
    // An empty token would let in whoever sends none.
    brakeToken: environment["ROUTER_BRAKE_TOKEN"] || undefined,
    database: environment["PGHOST"] ? readSettings(environment) : undefined,
    directory: "/var/lib/guard",
    flagsFile: "/etc/guard/flags/flags.json",
    connect,
  };
}
