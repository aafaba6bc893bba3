import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { bucket } from "../../../infra/rollout/bucket.ts";
import { isReleased, observeBrake, releasePatch } from "../../../infra/rollout/brake.ts";
import type { Attempt } from "../../../infra/rollout/evidence/attempt.ts";
import { settingsInForce } from "../../../infra/rollout/evidence/settings.ts";
import type { GivenSettings } from "../../../infra/rollout/evidence/settings.ts";
import type { GuardReport } from "../../../infra/rollout/guard-report.ts";
import { guardReportSchema } from "../../../infra/rollout/guard-report.ts";
import { guardSettingsSchema } from "../../../infra/rollout/guard-settings.ts";
import type { DecisionLine } from "../../../infra/rollout/decision-log.ts";
import { Guard } from "../../../scripts/agents/guard/guard.ts";
import type { GuardOptions } from "../../../scripts/agents/guard/options.ts";
import type { MigrateSettings } from "../../../scripts/agents/migrate/settings.ts";
import { freePorts } from "../../../scripts/lib/free-ports.ts";
import type { TestApiServer } from "../../lib/api-server.ts";
import { startApiServer } from "../../lib/api-server.ts";
import { decidedLine } from "../../rollout/evidence/decided-line.ts";
import { waitUntil } from "../../router/support/wait-until.ts";
import type { Declared } from "./simulated-agent.ts";
import { SimulatedAgent, tokens } from "./simulated-agent.ts";

const namespace = "test";

/** Path of an object of the stack. */
export const pathOf = {
  rollout: `/api/v1/namespaces/${namespace}/configmaps/rollout`,
  brake: `/api/v1/namespaces/${namespace}/configmaps/brake`,
  lease: `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/guard`,
  events: `/api/v1/namespaces/${namespace}/events`,
  pods: `/api/v1/namespaces/${namespace}/pods`,
} as const;

/** What a world is made of. */
interface WorldOptions {
  /** Number of router-agents. Default 2. */
  readonly agents?: number;
  /** Settings of the evidence, the limits and the guard, over those of the profile `rehearsal`. */
  readonly given?: GivenSettings;
  /** The guards' database. */
  readonly database?: MigrateSettings;
}

/** Traffic that is made up. */
export interface Traffic {
  readonly sessions: number;
  readonly percentage: number;
  /** Changes of the lines of sessions on V2, and of those on V1; by the session's number. */
  readonly v2?: (session: number) => Partial<DecisionLine>;
  readonly v1?: (session: number) => Partial<DecisionLine>;
}

/** An API server, router-agents that decide what a test makes up, and guards as they are; all in this process. */
export class GuardWorld {
  readonly api: TestApiServer;
  readonly agents: readonly SimulatedAgent[];
  readonly guards = new Map<string, Guard>();
  private readonly options: WorldOptions;
  private readonly directory = mkdtempSync(join(tmpdir(), "guard-world-"));
  private readonly ports = new Map<string, number>();
  /** Port of all agents. */
  readonly port: number;
  private sessions = 0;

  private constructor(options: WorldOptions, api: TestApiServer, agentPort: number) {
    this.options = options;
    this.api = api;
    this.port = agentPort;
    const declared = declaredBy(api);
    const count = options.agents ?? 2;
    this.agents = Array.from(
      { length: count },
      (_, index) => new SimulatedAgent(`router-${index}`, `127.0.1.${index + 1}`, declared),
    );
  }

  /** Makes one at stage `shadow` with V2's pods there; agents run, guards do not. */
  static async create(options: WorldOptions = {}): Promise<GuardWorld> {
    const [agentPort = 0] = await freePorts(1);
    const world = new GuardWorld(options, await startApiServer(), agentPort);
    world.api.write(pathOf.lease, { metadata: { name: "guard", namespace } });
    world.api.write(pathOf.brake, { metadata: { name: "brake", namespace } });
    world.declare("shadow", 0);
    world.deployV2("build-a");
    for (const agent of world.agents) await agent.start(agentPort);
    return world;
  }

  /** Declares a stage, as `pulumi up` does. */
  declare(stage: string, percentage: number): void {
    const data = { stage, percentage: String(percentage) };
    this.api.write(pathOf.rollout, { metadata: { name: "rollout", namespace }, data });
  }

  /** Puts pods of a build of V2 in the place of those that are there. */
  deployV2(build: string): void {
    this.api.remove(`${pathOf.pods}/v2`);
    const labels = { "app.kubernetes.io/name": "pool-v2", "pod-template-hash": build };
    const conditions = [{ type: "Ready", status: "True" }];
    const status = { phase: "Running", podIP: "127.0.0.1", conditions };
    const metadata = { name: "v2", namespace, uid: build, labels };
    this.api.write(`${pathOf.pods}/v2`, { metadata, status });
  }

  /** Starts a guard; one of a name that was there before finds what that one has left. */
  async startGuard(name: string, changes: Partial<GuardOptions> = {}): Promise<Guard> {
    const [port = 0] = await freePorts(1);
    this.ports.set(name, port);
    const guard = new Guard({ ...this.guardOptions(name, port), ...changes }, quiet);
    this.guards.set(name, guard);
    await guard.start();
    return guard;
  }

  /** Ends a guard in an orderly way. */
  async stopGuard(name: string): Promise<void> {
    const guard = this.guards.get(name);
    this.guards.delete(name);
    await guard?.stop();
  }

  /** A guard's report; undefined before its first evaluation. */
  async report(name: string): Promise<GuardReport | undefined> {
    const headers = { authorization: `Bearer ${tokens.agent}` };
    const url = `http://127.0.0.1:${this.ports.get(name)}/report`;
    const response = await fetch(url, { headers });
    return response.ok ? guardReportSchema.parse(await response.json()) : undefined;
  }

  /** Waits for a report. */
  async reportWhere(
    name: string,
    what: string,
    condition: (report: GuardReport) => boolean,
  ): Promise<GuardReport> {
    let last: GuardReport | undefined;
    try {
      return await waitUntil(what, async () => {
        last = await this.report(name);
        return last !== undefined && condition(last) && last;
      });
    } catch (error) {
      throw new Error(`${String(error)}; last report ${JSON.stringify(last)}`, { cause: error });
    }
  }

  /** Lets so many new sessions make three requests each: two through one agent, one through the next. */
  traffic({ sessions, percentage, v1, v2 }: Traffic): void {
    for (let number = 0; number < sessions; number += 1) {
      this.sessions += 1;
      const session = `session-${this.sessions}`;
      const side = bucket(session) < percentage ? v2 : v1;
      const [one, other] = [this.agents[number % 2], this.agents[(number + 1) % 2]];
      for (const agent of [one, one, other]) {
        const { revision } = agent ?? {};
        const startTime = Date.now();
        const line = { ...side?.(number), revision, startTime };
        agent?.decide(decidedLine(session, percentage, line));
      }
    }
  }

  /** Waits until every agent has heard of an attempt: what it decides from then on counts. */
  async followed(attempt: Attempt | null | undefined): Promise<void> {
    await waitUntil(
      "the agents to follow",
      () =>
        // An attempt begins at least a second after the one before.
        Date.now() >= (attempt?.since ?? 0) &&
        this.agents.every(({ attempt: own }) => own?.version === attempt?.version),
    );
  }

  /** Content of the ConfigMap `brake`. */
  get brake(): Readonly<Record<string, string>> {
    return (this.api.read(pathOf.brake)?.["data"] ?? {}) as Record<string, string>;
  }

  /** Ids of the engagements in the ConfigMap. */
  get engaged(): readonly string[] {
    return Object.keys(this.brake).flatMap((key) => /^engaged\.(.*)$/.exec(key)?.[1] ?? []);
  }

  /** Releases engagements by id, as `npm run release` does. */
  release(...ids: readonly string[]): void {
    const { data } = releasePatch(ids, {
      who: "test",
      when: new Date().toISOString(),
      why: "test",
    });
    const now: Record<string, string> = { ...this.brake };
    for (const [key, value] of Object.entries(data)) {
      if (value === null) delete now[key];
      else now[key] = value;
    }
    this.api.write(pathOf.brake, { metadata: { name: "brake", namespace }, data: now });
  }

  /** Events that people were told by. */
  get events(): readonly { readonly reason: string; readonly message: string }[] {
    return this.api.requests
      .filter(({ method, path }) => method === "POST" && path === pathOf.events)
      .map(({ body }) => body as { reason: string; message: string });
  }

  async destroy(): Promise<void> {
    await Promise.all([...this.guards.keys()].map((name) => this.stopGuard(name)));
    await Promise.all(this.agents.map((agent) => agent.destroy()));
    await this.api.close();
    rmSync(this.directory, { recursive: true, force: true });
  }

  private guardOptions(name: string, port: number): GuardOptions {
    const { given = {}, database } = this.options;
    const { evidence, thresholds, guard } = settingsInForce("rehearsal", given);
    const settings = guardSettingsSchema.parse({
      bindAddress: "127.0.0.1",
      port,
      agents: {
        host: this.agents.map(({ address }) => address).join(","),
        port: this.port,
        expected: this.agents.length,
      },
      v2: { metrics: null, cpuLimitCores: null, memoryLimitBytes: 1 },
      evaluation: {
        evidence,
        thresholds,
        intervals: { evaluation: 200, figures: 200 },
        controlledStages: 5,
        figures: [],
      },
      guard,
    });
    return {
      // Quicker than anybody may configure it, so that tests do not wait.
      settings: { ...settings, guard: { ...guard, intervalSeconds: 0.1 } },
      pod: name,
      namespace,
      token: tokens.agent,
      brakeToken: tokens.brake,
      database,
      directory: join(this.directory, name),
      flagsFile: join(this.directory, "flags.json"),
      connect: () =>
        Promise.resolve({
          server: new URL(this.api.url),
          namespace,
          source: "test",
          insecure: false,
          headers: {},
          credentials: () => Promise.resolve({ token: name }),
        }),
    };
  }
}

const quiet = pino({ level: process.env["GUARD_TEST_LOG"] ?? "silent" });

/** What agents see in the API server's objects. */
function declaredBy(api: TestApiServer): Declared {
  const data = (path: string) => (api.read(path)?.["data"] ?? {}) as Record<string, string>;
  return {
    get stage() {
      return data(pathOf.rollout)["stage"] ?? "baseline";
    },
    get percentage() {
      return Number(data(pathOf.rollout)["percentage"] ?? 0);
    },
    get version() {
      return Number(api.read(pathOf.rollout)?.metadata.resourceVersion ?? 0);
    },
    get engagements() {
      return observeBrake([], { kind: "present", data: data(pathOf.brake) });
    },
    isReleased: (id) => isReleased(data(pathOf.brake), id),
  };
}
