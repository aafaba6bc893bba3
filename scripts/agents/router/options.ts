import { routerDirectory } from "../../../infra/rollout/envoy-bootstrap.ts";
import type { RouterSettings } from "../../../infra/rollout/router-settings.ts";
import { parseRouterSettings } from "../../../infra/rollout/router-settings.ts";
import type { ClusterConnection } from "../../lib/cluster-connection.ts";

/** What an agent is started with. */
export interface AgentOptions {
  readonly settings: RouterSettings;
  /** Name and namespace of the pod. */
  readonly pod: string;
  readonly namespace: string;
  /** Who shows it may read the report. */
  readonly agentToken: string;
  /** Who shows it may engage the brake without an API server; without it nobody can. */
  readonly brakeToken: string | undefined;
  /** Token of the override header; without it there are no override routes. */
  readonly overrideToken: string | undefined;
  /** Directory that the agent shares with Envoy; outlives both containers, not the pod. */
  readonly directory: string;
  /** Where the ConfigMaps `rollout` and `brake` are mounted, for a start without an API server. */
  readonly configDirectory: string;
  readonly envoyBinary: string;
  /** Largest size of the decision log before it is rotated, bytes. */
  readonly rotateBytes: number;
  /** Opens the connection to the API server; called again until it succeeds. */
  readonly connect: () => Promise<ClusterConnection>;
}

/**
 * Options of an agent in a router pod, from the environment that the router's Deployment sets.
 *
 * @throws RangeError that names the variable and what is wrong with it
 */
export function agentOptions(
  environment: NodeJS.ProcessEnv,
  connect: () => Promise<ClusterConnection>,
): AgentOptions {
  const required = (name: string): string => {
    const value = environment[name];
    if (value === undefined || value === "") {
      throw new RangeError(`${name} is not set: the router's Deployment sets it.`);
    }
    return value;
  };
  // An empty token would let in whoever sends none.
  const optional = (name: string): string | undefined => environment[name] || undefined;
  return {
    settings: parseRouterSettings(environment["ROUTER_SETTINGS"]),
    pod: required("POD_NAME"),
    namespace: required("POD_NAMESPACE"),
    agentToken: required("ROUTER_AGENT_TOKEN"),
    brakeToken: optional("ROUTER_BRAKE_TOKEN"),
    overrideToken: optional("ROUTER_OVERRIDE_TOKEN"),
    directory: routerDirectory,
    configDirectory: "/etc/router",
    envoyBinary: "/usr/local/bin/envoy",
    rotateBytes: 32 * 1024 * 1024,
    connect,
  };
}
