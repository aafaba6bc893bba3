import { decidedLine } from "../../../test/rollout/evidence/decided-line.ts";
import type { SimulatedAgent } from "../../../test/guard/support/simulated-agent.ts";

/** Sessions that are open at the same time. */
const openSessions = 5_000;

/** Share of requests that fail, on both sides alike. */
const failedShare = 0.0002;

/** Mean of the answer times, milliseconds; they are distributed exponentially. */
const meanMilliseconds = 30;

interface Session {
  readonly id: string;
  /** Requests that it will still make. */
  left: number;
}

/**
 * Sessions of unequal size: the number of their requests is distributed geometrically, and each request comes through
 * another agent, because callers spread theirs over all routers. Both sides do equally well.
 */
export class SessionTraffic {
  private readonly agents: readonly SimulatedAgent[];
  private readonly percentage: number;
  private readonly requestsPerSession: number;
  private readonly open: (Session | undefined)[] = [];
  private opened = 0;
  private decided = 0;

  constructor(agents: readonly SimulatedAgent[], percentage: number, requestsPerSession: number) {
    this.agents = agents;
    this.percentage = percentage;
    this.requestsPerSession = requestsPerSession;
  }

  /** Requests that were decided. */
  get decisions(): number {
    return this.decided;
  }

  /** Sessions that were decided at least once. */
  get sessions(): number {
    return this.opened;
  }

  /** Makes so many requests of open sessions; whatever ends is followed by a new one. */
  decide(requests: number): void {
    for (let number = 0; number < requests; number += 1) {
      const place = Math.floor(Math.random() * openSessions);
      const session = this.open[place] ?? this.begin();
      this.request(session.id);
      session.left -= 1;
      this.open[place] = session.left > 0 ? session : undefined;
    }
  }

  /** Makes one request each of so many new sessions. */
  decideOnce(sessions: number): void {
    for (let number = 0; number < sessions; number += 1) this.request(this.begin().id);
  }

  private begin(): Session {
    this.opened += 1;
    const stops = Math.log(1 - 1 / this.requestsPerSession);
    const left = 1 + Math.floor(Math.log(1 - Math.random()) / stops);
    return { id: `session-${this.opened}`, left };
  }

  private request(session: string): void {
    const agent = this.agents[Math.floor(Math.random() * this.agents.length)];
    if (agent === undefined) return;
    this.decided += 1;
    agent.decide(
      decidedLine(session, this.percentage, {
        revision: agent.revision,
        startTime: Date.now(),
        status: Math.random() < failedShare ? 500 : 200,
        durationMs: Math.ceil(-Math.log(1 - Math.random()) * meanMilliseconds),
      }),
    );
  }
}
