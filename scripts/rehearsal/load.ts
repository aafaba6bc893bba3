import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { LoadClient, type ClientOptions, type Exchange } from "./load-client.ts";
import { planArrivals, type LoadShape } from "./load-plan.ts";
import { ProgramLedger } from "./program-ledger.ts";
import type { LoadCommand, LoadMessage } from "./records.ts";
import { RequestFactory, type BegunOperation } from "./request-factory.ts";
import { verifyPrograms } from "./verify-programs.ts";

/** What the load process is told, as JSON in its only argument. */
export interface LoadSettings extends ClientOptions {
  readonly shape: LoadShape;
  /** Makes the session ids of different loads differ. */
  readonly name: string;
}

/** Sends a planned load and tells what came of each request. */
class Load {
  readonly #settings: LoadSettings;
  readonly #client: LoadClient;
  readonly #ledger = new ProgramLedger();
  readonly #factory = new RequestFactory(this.#ledger);
  readonly #emit: (message: LoadMessage) => void;
  readonly #inFlight = new Set<Promise<unknown>>();
  #stopped = false;
  #clock = { planMs: 0, atMs: Date.now(), pace: 1 };

  constructor(settings: LoadSettings, emit: (message: LoadMessage) => void) {
    this.#settings = settings;
    this.#client = new LoadClient(settings);
    this.#emit = emit;
  }

  /** Sends each arrival at its planned time until `stop`, whatever became of earlier ones. */
  run(): void {
    this.#clock.atMs = Date.now();
    const arrivals = planArrivals(this.#settings.shape);
    let next = arrivals.next().value;
    const sendDue = (): void => {
      if (this.#stopped) return;
      for (const now = this.#planTime(); next.atMs <= now; next = arrivals.next().value) {
        const { session, keyed } = next;
        const sessionId = session === undefined ? undefined : `${this.#settings.name}-${session}`;
        const begun = this.#factory.begin(next, sessionId);
        const work = this.#perform(begun, sessionId, keyed, this.#dueAt(next.atMs));
        this.#inFlight.add(work);
        void work.finally(() => this.#inFlight.delete(work));
      }
      setTimeout(sendDue, Math.max(0, this.#dueAt(next.atMs) - Date.now()));
    };
    sendDue();
  }

  /** From now on the plan runs so many times as fast as it was made. */
  pace(factor: number): void {
    this.#clock = { planMs: this.#planTime(), atMs: Date.now(), pace: factor };
  }

  /** Milliseconds of the plan that are over by now. */
  #planTime(): number {
    const { planMs, atMs, pace } = this.#clock;
    return planMs + (Date.now() - atMs) * pace;
  }

  /** When an arrival of the plan is due. */
  #dueAt(arrivalMs: number): number {
    const { planMs, atMs, pace } = this.#clock;
    return Math.round(atMs + (arrivalMs - planMs) / pace);
  }

  /** Ends the arrivals and waits for the answers that are due. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#inFlight);
    this.#emit({ type: "stopped" });
  }

  /** Looks for every program that must exist, and for those that must not. */
  async verify(): Promise<void> {
    const verification = await verifyPrograms(this.#ledger.expectations(), {
      list: async (sessionId) => {
        const { body } = await this.#perform(this.#factory.list(), sessionId, false, Date.now());
        const { programs = [] } = JSON.parse(body || "{}") as { programs?: { id: string }[] };
        return programs.map(({ id }) => id);
      },
      execute: async (sessionId, id) => {
        const begun = this.#factory.execute(id, () => undefined);
        const exchange = await this.#perform(begun, sessionId, true, Date.now());
        return exchange.status === 200 && exchange.verdict === "expected";
      },
    });
    this.#emit(verification);
  }

  /** Closes all connections, so that the process can end. */
  close(): void {
    this.#client.close();
  }

  async #perform(
    begun: BegunOperation,
    sessionId: string | undefined,
    mayBeKeyed: boolean,
    intendedAt: number,
  ) {
    const requestId = randomUUID();
    const { operation, outgoing } = begun;
    const keyed = mayBeKeyed && outgoing.method !== "GET";
    const exchange: Exchange = await this.#client.send({
      ...outgoing,
      headers: {
        ...outgoing.headers,
        "x-request-id": requestId,
        ...(sessionId === undefined ? {} : { "x-session-id": sessionId }),
        ...(keyed ? { "idempotency-key": requestId } : {}),
      },
    });
    const { status, repeats, failure, reason, headers } = exchange;
    const { "x-rollout": rollout, "x-pool-version": pool } = headers;
    const verdict = begun.judge(exchange);
    this.#emit({
      type: "request",
      requestId,
      ...(sessionId === undefined ? {} : { sessionId }),
      operation,
      keyed,
      intendedAt,
      durationMs: Date.now() - intendedAt,
      status,
      ...(typeof rollout === "string" ? { rollout } : {}),
      ...(pool === "v1" || pool === "v2" ? { pool } : {}),
      ...(failure === undefined ? {} : { failure }),
      ...(reason === undefined ? {} : { reason }),
      repeats,
      verdict,
    });
    return { ...exchange, verdict };
  }
}

/** Writes messages in batches: one write a request would cost as much as the request. */
function batchedWriter(): { write: (message: LoadMessage) => void; flush: () => void } {
  let batch = "";
  const flush = (): void => {
    if (batch !== "") process.stdout.write(batch);
    batch = "";
  };
  setInterval(flush, 100).unref();
  return {
    flush,
    write(message) {
      batch += `${JSON.stringify(message)}\n`;
    },
  };
}

const settings = JSON.parse(process.argv[2] ?? "") as LoadSettings;
const { write, flush } = batchedWriter();
const load = new Load(settings, write);
load.run();
for await (const line of createInterface({ input: process.stdin })) {
  const told = JSON.parse(line) as LoadCommand;
  if (told.command === "pace") load.pace(told.factor);
  else if (told.command === "stop") await load.stop();
  else await load.verify();
  flush();
}
// Standard input has ended: whoever started the load has all it wanted, or is gone.
flush();
await load.stop();
load.close();
