import { pino } from "pino";
import { inClusterConnection } from "../lib/cluster-connection.ts";
import { runService } from "./lib/run-service.ts";
import { RouterAgent } from "./router/agent.ts";
import { agentOptions } from "./router/options.ts";

const log = pino({ name: "router-agent" });

/** Entry point of the container `router-agent`: the sidecar of Envoy in each router pod. */
await runService(
  "the agent",
  () =>
    new RouterAgent(
      agentOptions(process.env, () => inClusterConnection()),
      log,
    ),
  log,
);
