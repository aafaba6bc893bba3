import { Agent } from "node:http";

/** Connections are spread, so that every router replica gets its part of the load. */
const groups = 16;

/** Longest time that a connection gets new requests: callers that keep one for ever never see a changed Service. */
const lifeMs = 2000;

/** Keep-alive connections, in groups that take turns and are renewed by turns. */
export class Connections {
  readonly #agents = Array.from({ length: groups }, () => new Agent({ keepAlive: true }));
  readonly #renewal: NodeJS.Timeout;
  #next = 0;
  #oldest = 0;

  constructor() {
    this.#renewal = setInterval(() => this.#renew(), lifeMs / groups).unref();
  }

  /** The agent for the next request. */
  next(): Agent | undefined {
    return this.#agents[this.#next++ % groups];
  }

  /** Closes all connections, those in use too. */
  close(): void {
    clearInterval(this.#renewal);
    for (const agent of this.#agents) agent.destroy();
  }

  /** Closes what is idle in the oldest group; what is in use ends with its answer. */
  #renew(): void {
    const index = this.#oldest++ % groups;
    const old = this.#agents[index];
    this.#agents[index] = new Agent({ keepAlive: true });
    if (!old) return;
    old.maxFreeSockets = 0;
    for (const sockets of Object.values(old.freeSockets)) {
      for (const socket of sockets ?? []) socket.destroy();
    }
  }
}
