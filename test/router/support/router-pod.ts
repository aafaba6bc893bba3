import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import { agentReportSchema } from "../../../infra/rollout/agent-report.ts";
import { ensureEnvoy } from "../../../scripts/local/tools/envoy.ts";
import type { AgentProcessOptions } from "./agent-process.ts";
import { ApiServer } from "./api-server.ts";
import { waitUntil } from "./wait-until.ts";
import { World, overrideToken } from "./world.ts";

/** Token of the agent's interface in tests. */
export const agentToken = "an-agent-token-for-tests";

/** Token of the direct brake in tests. */
export const brakeToken = "a-brake-token-for-tests";

const agentProgram = fileURLToPath(new URL("./agent-process.ts", import.meta.url));

/** A router pod without a kubelet: agent and Envoy as processes, and an API server for the agent. */
export class RouterPod {
  readonly world: World;
  readonly api: ApiServer;
  /** What the agent logged. */
  log = "";
  private agent: ChildProcess | undefined;

  private constructor(world: World) {
    this.world = world;
    this.api = new ApiServer(world.sparePort);
  }

  /** Makes one whose API server runs and holds `rollout` and an empty `brake`; nothing else is started. */
  static async create(stage: string, percentage: number): Promise<RouterPod> {
    const pod = new RouterPod(await World.create());
    pod.rollout(stage, percentage);
    pod.api.put("brake");
    await pod.api.start();
    return pod;
  }

  /** Writes the ConfigMap `rollout`. @returns its resource version */
  rollout(stage: string, percentage: number): string {
    return this.api.put("rollout", { stage, percentage: String(percentage) });
  }

  /** Starts the agent and waits until it lets Envoy start. */
  async startAgent(changes: Partial<AgentProcessOptions> = {}): Promise<void> {
    const { settings, directory } = this.world;
    const options: AgentProcessOptions = {
      settings,
      pod: "router-0",
      namespace: "test",
      agentToken,
      brakeToken,
      overrideToken,
      directory,
      configDirectory: `${directory}/mounts`,
      envoyBinary: await ensureEnvoy(),
      rotateBytes: 32 * 1024 * 1024,
      apiServer: this.api.url.href,
      ...changes,
    };
    const env = { ...process.env, AGENT_OPTIONS: JSON.stringify(options) };
    const child = spawn(process.execPath, [agentProgram], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.agent = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => (this.log += text));
    }
    await waitUntil("the agent to start", async () => {
      return child.exitCode !== null || (await fetch(`${this.agentUrl}/startup`)).ok;
    });
    if (child.exitCode !== null) throw new Error(`the agent ended: ${this.log}`);
  }

  /** Starts agent and Envoy. */
  async start(): Promise<void> {
    await this.startAgent();
    await this.world.envoy.start();
  }

  async stopAgent(signal: NodeJS.Signals): Promise<number | null> {
    const { agent } = this;
    if (agent === undefined || agent.exitCode !== null || agent.signalCode !== null) return null;
    const gone = once(agent, "exit");
    agent.kill(signal);
    await gone;
    return agent.exitCode;
  }

  get agentUrl(): string {
    return `http://127.0.0.1:${this.world.settings.ports.agent}`;
  }

  async report(): Promise<AgentReport> {
    const headers = { authorization: `Bearer ${agentToken}` };
    const response = await fetch(`${this.agentUrl}/report`, { headers });
    return agentReportSchema.parse(await response.json());
  }

  /** Waits for a report. */
  async reportWhere(
    what: string,
    condition: (report: AgentReport) => boolean,
  ): Promise<AgentReport> {
    let last: AgentReport | undefined;
    try {
      return await waitUntil(what, async () => {
        last = await this.report();
        return condition(last) && last;
      });
    } catch (error) {
      throw new Error(`${String(error)}\nlast report ${JSON.stringify(last)}\n${this.log}`, {
        cause: error,
      });
    }
  }

  /** Waits until Envoy applies what is commanded, and this percentage. */
  applied(percentage: number): Promise<AgentReport> {
    return this.reportWhere(
      `${percentage} % to be applied`,
      ({ appliedPercentage, revision, commanded, waiting }) =>
        appliedPercentage === percentage && revision === commanded.revision && waiting === null,
    );
  }

  async destroy(): Promise<void> {
    await this.stopAgent("SIGKILL");
    await this.api.stop();
    await this.world.destroy();
  }
}
