import { setTimeout as sleep } from "node:timers/promises";
import type { TestApiServer } from "../../../test/lib/api-server.ts";
import { startApiServer } from "../../../test/lib/api-server.ts";
import { SimulatedAgent } from "../../../test/guard/support/simulated-agent.ts";
import { freePorts } from "../../lib/free-ports.ts";
import { measuredPercentage, namespace } from "./plan.ts";
import type { WorldAccount, WorldPlan } from "./plan.ts";
import { podObject } from "./pod-object.ts";
import { PoolPods } from "./pool-pods.ts";
import { SessionTraffic } from "./session-traffic.ts";

/** Between two portions of decisions, milliseconds. */
const portionMilliseconds = 20;

/** Sessions a second while those are made that are to be known. */
const fillRate = 25_000;

const path = {
  configMap: (name: string) => `/api/v1/namespaces/${namespace}/configmaps/${name}`,
  pod: (name: string) => `/api/v1/namespaces/${namespace}/pods/${name}`,
  lease: `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/guard`,
};

/**
 * Everything that a guard speaks to but its database: an API server, the agents of many routers, and the pods of V2. Once
 * the guard has named an attempt, the stage rises from `shadow` to `p10`, and the agents decide what the plan says.
 */
export class SimulatedWorld {
  private readonly plan: WorldPlan;
  private readonly api: TestApiServer;
  private readonly agents: readonly SimulatedAgent[];
  private readonly pods: PoolPods;
  private readonly traffic: SessionTraffic;
  private readonly ports: readonly [agents: number, metrics: number];
  private readonly ending = new AbortController();
  private readonly declared = {
    stage: "shadow",
    percentage: 0,
    version: 1,
    engagements: [],
    isReleased: () => false,
  };
  private phase: WorldAccount["phase"] = "waiting";

  private constructor(plan: WorldPlan, api: TestApiServer, ports: readonly [number, number]) {
    this.plan = plan;
    this.api = api;
    this.ports = ports;
    this.agents = Array.from(
      { length: plan.agents },
      (_, number) => new SimulatedAgent(`router-${number}`, `127.0.1.${number + 1}`, this.declared),
    );
    this.pods = new PoolPods(plan.pods);
    this.traffic = new SessionTraffic(this.agents, measuredPercentage, plan.requestsPerSession);
  }

  static async create(plan: WorldPlan): Promise<SimulatedWorld> {
    const [agentPort = 0, metricsPort = 0] = await freePorts(2);
    return new SimulatedWorld(plan, await startApiServer(), [agentPort, metricsPort]);
  }

  /** Lets everything in it answer. */
  async start(): Promise<void> {
    const [agentPort, metricsPort] = this.ports;
    this.api.write(path.lease, { metadata: { name: "guard", namespace } });
    this.api.write(path.configMap("brake"), { metadata: { name: "brake", namespace } });
    this.enter("shadow", 0);
    for (const [number, address] of this.pods.addresses.entries()) {
      const pod = podObject(namespace, number, address);
      this.api.write(path.pod(pod.metadata.name), pod);
    }
    await this.pods.start(metricsPort);
    for (const agent of this.agents) await agent.start(agentPort);
  }

  get account(): WorldAccount {
    const [port, metricsPort] = this.ports;
    const host = this.agents.map(({ address }) => address).join(",");
    return {
      place: { apiServer: this.api.url, agents: { host, port }, metricsPort },
      phase: this.phase,
      decisions: this.traffic.decisions,
      sessions: this.traffic.sessions,
      reads: this.pods.reads,
      workers: this.pods.workers,
    };
  }

  /** Waits for the guard, and lets the agents decide as planned, until `end`. */
  async run(): Promise<void> {
    const { knownSessions, decisionsPerSecond } = this.plan;
    const { signal } = this.ending;
    while (!this.allFollow() && !signal.aborted) await this.pause();
    this.enter("p10", measuredPercentage);
    this.phase = "filling";
    await this.portions(knownSessions, fillRate, (sessions) => this.traffic.decideOnce(sessions));
    this.phase = "deciding";
    await this.portions(Infinity, decisionsPerSecond, (count) => this.traffic.decide(count));
    this.phase = "over";
  }

  /** Lets the agents decide no more; everything still answers. */
  end(): void {
    this.ending.abort();
  }

  async destroy(): Promise<void> {
    this.end();
    await Promise.all(this.agents.map((agent) => agent.destroy()));
    this.pods.stop();
    await this.api.close();
  }

  private enter(stage: string, percentage: number): void {
    Object.assign(this.declared, { stage, percentage, version: this.declared.version + 1 });
    const data = { stage, percentage: String(percentage) };
    this.api.write(path.configMap("rollout"), { metadata: { name: "rollout", namespace }, data });
  }

  /** What is decided before an agent knows the attempt, or before it has begun, does not count. */
  private allFollow(): boolean {
    return this.agents.every(({ attempt }) => attempt !== null && Date.now() >= attempt.since);
  }

  /** Makes a number of something at a rate, whatever delays this process meanwhile. */
  private async portions(
    total: number,
    perSecond: number,
    make: (count: number) => void,
  ): Promise<void> {
    const begun = performance.now();
    for (let made = 0; made < total && !this.ending.signal.aborted;) {
      const due = Math.floor(((performance.now() - begun) / 1000) * perSecond);
      make(Math.min(total, due) - made);
      made = Math.min(total, due);
      await this.pause();
    }
  }

  private async pause(): Promise<void> {
    const { signal } = this.ending;
    await sleep(portionMilliseconds, undefined, { signal }).catch(() => undefined);
  }
}
