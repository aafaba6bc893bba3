import { pino } from "pino";
import { inClusterConnection } from "../lib/cluster-connection.ts";
import { agentOptions } from "./router/options.ts";
import { runAgent } from "./router/run-agent.ts";

/** Entry point of the container `router-agent`: the sidecar of Envoy in each router pod. */
await runAgent(
  () => agentOptions(process.env, () => inClusterConnection()),
  pino({ name: "router-agent" }),
);
