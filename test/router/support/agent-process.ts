import { pino } from "pino";
import { runService } from "../../../scripts/agents/lib/run-service.ts";
import { RouterAgent } from "../../../scripts/agents/router/agent.ts";
import type { AgentOptions } from "../../../scripts/agents/router/options.ts";

/** What a test starts an agent with; the API server is spoken to in clear on loopback. */
export interface AgentProcessOptions extends Omit<AgentOptions, "connect"> {
  readonly apiServer: string;
}

const { apiServer, ...options } = JSON.parse(
  process.env["AGENT_OPTIONS"] ?? "",
) as AgentProcessOptions;

const connect = () =>
  Promise.resolve({
    server: new URL(apiServer),
    namespace: options.namespace,
    source: "test",
    insecure: false,
    headers: {},
    credentials: () => Promise.resolve({ token: "service-account-token" }),
  });
const log = pino({ name: "router-agent" });

await runService("the agent", () => new RouterAgent({ ...options, connect }, log), log);
