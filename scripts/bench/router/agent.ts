import { pino } from "pino";
import { runService } from "../../agents/lib/run-service.ts";
import { RouterAgent } from "../../agents/router/agent.ts";
import type { AgentOptions } from "../../agents/router/options.ts";

/**
 * The router's agent beside an Envoy without a cluster: it starts from the mounted ConfigMaps, as it does in a pod
 * while the API server is away.
 */
const options = JSON.parse(process.argv[2] ?? "") as Omit<AgentOptions, "connect">;
const connect = () => Promise.reject(new Error("There is no API server here."));
const log = pino({ name: "router-agent", level: "fatal" });
await runService("the agent", () => new RouterAgent({ ...options, connect }, log), log);
