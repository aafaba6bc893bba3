import { pino } from "pino";
import type { AgentOptions } from "../../../scripts/agents/router/options.ts";
import { runAgent } from "../../../scripts/agents/router/run-agent.ts";

/** What a test starts an agent with; the API server is spoken to in clear on loopback. */
export interface AgentProcessOptions extends Omit<AgentOptions, "connect"> {
  readonly apiServer: string;
}

const { apiServer, ...options } = JSON.parse(
  process.env["AGENT_OPTIONS"] ?? "",
) as AgentProcessOptions;

await runAgent(
  () => ({
    ...options,
    connect: () =>
      Promise.resolve({
        server: new URL(apiServer),
        namespace: options.namespace,
        source: "test",
        insecure: false,
        headers: {},
        credentials: () => Promise.resolve({ token: "service-account-token" }),
      }),
  }),
  pino({ name: "router-agent" }),
);
