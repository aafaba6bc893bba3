import { pino } from "pino";
import type { AgentOptions } from "../../agents/router/options.ts";
import { runAgent } from "../../agents/router/run-agent.ts";

/**
 * The router's agent beside an Envoy without a cluster: it starts from the mounted ConfigMaps, as it does in a pod
 * while the API server is away.
 */
const options = JSON.parse(process.argv[2] ?? "") as Omit<AgentOptions, "connect">;
await runAgent(
  () => ({ ...options, connect: () => Promise.reject(new Error("There is no API server here.")) }),
  pino({ name: "router-agent", level: "fatal" }),
);
