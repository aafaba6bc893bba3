import type { DecisionLine } from "../../infra/rollout/decision-log.ts";
import { predictSide, type Side } from "../../infra/rollout/decision.ts";
import { parseRolloutHeader } from "../../infra/rollout/rollout-record.ts";
import { EntryAccount, type EntryTotals } from "./entry-account.ts";
import { outcomeOf, type Outcome } from "./outcome.ts";
import type { RequestRecord, Verdict } from "./records.ts";

/** What was observed while one percentage of one written `rollout` was applied. */
export interface Visit {
  /** Decided side of each session that was seen. */
  readonly sessions: ReadonlyMap<string, Side>;
  /** Requests by decided side. */
  readonly requests: Readonly<Record<Side, number>>;
}

/** Totals over all requests that have been told so far. */
export interface Totals {
  readonly requests: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  readonly verdicts: Readonly<Record<Verdict, number>>;
  /** Requests whose decided side, or revision and percentage, are not what `x-rollout` predicts. */
  readonly mispredicted: number;
  /** Requests decided for V2 and served by V1. */
  readonly fallbacks: number;
  /** Requests served by the other side than decided, without being a fallback. */
  readonly wronglyServed: number;
  /** Answered requests for which the router wrote no decision line. */
  readonly withoutLine: number;
  /** Answered requests without a readable `x-rollout`. */
  readonly withoutRollout: number;
  /** Requests that failed, or got a status that they did not deserve, while a pool was told to fail. */
  readonly inFaults: number;
  /** Requests that did not pass through the router, by whether that was right. */
  readonly entry: EntryTotals;
  /** A few of the requests that were not simply answered as expected, for people. */
  readonly examples: readonly string[];
}

interface OpenVisit {
  readonly sessions: Map<string, Side>;
  readonly requests: Record<Side, number>;
}

const keptExamples = 20;

/**
 * Joins what the caller saw with what the router logged, request by request, and counts.
 *
 * Lines come a moment after answers, so a request is held until its line is there; `settle` at the
 * end counts those whose line never came.
 */
export class Accounting {
  readonly #records = new Map<string, RequestRecord>();
  readonly #lines = new Map<string, DecisionLine>();
  readonly #visits = new Map<string, OpenVisit>();
  readonly #outcomes: Record<Outcome, number> = { answered: 0, failed: 0, reported: 0, lost: 0 };
  readonly #verdicts: Record<Verdict, number> = {
    expected: 0,
    programMissing: 0,
    wrongAnswer: 0,
    unexpectedStatus: 0,
  };
  readonly #examples: string[] = [];
  /** Where the callers' Service led, and what the callers saw of it. */
  readonly entry = new EntryAccount();
  readonly #faults: { from: number; to: number }[] = [];
  #requests = 0;
  #inFaults = 0;
  #mispredicted = 0;
  #fallbacks = 0;
  #wronglyServed = 0;
  #withoutLine = 0;
  #withoutRollout = 0;

  /** Takes what a caller saw. */
  addRequest(record: RequestRecord): void {
    this.#requests++;
    if (this.entry.add(record)) {
      this.#count(record, undefined);
      return;
    }
    const line = this.#lines.get(record.requestId);
    if (line && !isEarlierAttempt(line, record)) this.#join(record, line);
    else this.#records.set(record.requestId, record);
  }

  /** Takes what the router logged. Where the caller sent a request again, its last line counts. */
  addLine(line: DecisionLine): void {
    const record = this.#records.get(line.requestId);
    if (record && !isEarlierAttempt(line, record)) this.#join(record, line);
    else this.#lines.set(line.requestId, line);
  }

  /**
   * Pools are told to fail from now on: what fails is counted apart, and what is lost is lost all the same.
   *
   * @returns ends that
   */
  expectFaults(): () => void {
    const time = { from: Date.now(), to: Infinity };
    this.#faults.push(time);
    return () => (time.to = Date.now());
  }

  /** Requests taken so far. */
  get requests(): number {
    return this.#requests;
  }

  /** Requests whose line has not come yet. */
  get waiting(): number {
    return this.#records.size;
  }

  /** Counts the requests whose line has not come; call it once all lines were read. */
  settle(): void {
    for (const record of this.#records.values()) {
      // The router logs nothing about a connection that never reached it, or when it was killed.
      if (record.status > 0) this.#withoutLine++;
      this.#count(record, this.#lines.get(record.requestId));
    }
    this.#records.clear();
    this.#lines.clear();
  }

  /** What was observed under a `rollout` of this resourceVersion while this percentage was applied. */
  visit(resourceVersion: string, percentage: number): Visit {
    return this.#visits.get(`${resourceVersion};${percentage}`) ?? newVisit();
  }

  /** The totals so far. */
  totals(): Totals {
    return {
      requests: this.#requests,
      outcomes: { ...this.#outcomes },
      verdicts: { ...this.#verdicts },
      mispredicted: this.#mispredicted,
      fallbacks: this.#fallbacks,
      wronglyServed: this.#wronglyServed,
      withoutLine: this.#withoutLine,
      withoutRollout: this.#withoutRollout,
      inFaults: this.#inFaults,
      entry: this.entry.totals(),
      examples: [...this.#examples],
    };
  }

  #join(record: RequestRecord, line: DecisionLine): void {
    this.#records.delete(record.requestId);
    this.#lines.delete(record.requestId);
    this.#count(record, line);
    if (line.fallback) this.#fallbacks++;
    else if (line.served !== undefined && line.served !== line.decided) this.#wronglyServed++;
    this.#checkDecision(record, line);
  }

  #checkDecision(record: RequestRecord, line: DecisionLine): void {
    const header = record.rollout === undefined ? undefined : parseRolloutHeader(record.rollout);
    if (!header) {
      if (record.status > 0) this.#withoutRollout++;
      return;
    }
    const { requestId, sessionId } = record;
    const { percentage, revision } = header;
    const predicted = predictSide({ sessionId, requestId, percentage }).side;
    const contradicts = line.revision !== revision || line.percentage !== percentage;
    if (contradicts || predicted !== line.decided) {
      this.#mispredicted++;
      this.#example(record, `decided ${line.decided} at ${line.revision};${line.percentage}`);
    }
    if (record.pool !== undefined && record.pool !== line.served) {
      this.#wronglyServed++;
      this.#example(record, `logged as served by ${line.served}`);
    }
    if (line.decided === undefined) return;
    const visit = this.#openVisit(revision, percentage);
    visit.requests[line.decided]++;
    if (sessionId !== undefined) visit.sessions.set(sessionId, line.decided);
  }

  #count(record: RequestRecord, line: DecisionLine | undefined): void {
    const outcome = outcomeOf(record, line);
    if (this.#isInFault(record, outcome)) {
      this.#inFaults++;
      return;
    }
    this.#outcomes[outcome]++;
    this.#verdicts[record.verdict]++;
    if (outcome !== "answered") this.#example(record, `${outcome}, flags "${line?.flags ?? ""}"`);
    else if (record.verdict !== "expected") this.#example(record, record.verdict);
  }

  #isInFault({ intendedAt, durationMs, verdict }: RequestRecord, outcome: Outcome): boolean {
    if (outcome !== "failed" && verdict !== "unexpectedStatus") return false;
    return this.#faults.some(({ from, to }) => intendedAt <= to && intendedAt + durationMs >= from);
  }

  #example(record: RequestRecord, why: string): void {
    if (this.#examples.length === keptExamples) return;
    const { operation, requestId, status, pool, rollout, reason } = record;
    this.#examples.push(
      `${new Date(record.intendedAt).toISOString()} ${operation} ${requestId}: status ${status} ` +
        `${reason ?? ""} from ${pool ?? "no pool"} under ${rollout ?? "no x-rollout"}: ${why}`,
    );
  }

  #openVisit(revision: string, percentage: number): OpenVisit {
    const resourceVersion = revision.slice(1).split(".")[0] ?? "";
    const key = `${resourceVersion};${percentage}`;
    const visit = this.#visits.get(key) ?? newVisit();
    this.#visits.set(key, visit);
    return visit;
  }
}

/** Sessions that were on V2 in one visit and on V1 in a later one, which had no lower percentage. */
export function sessionsThatLeftV2(rising: readonly Visit[]): string[] {
  const onV2 = new Set<string>();
  const left = new Set<string>();
  for (const { sessions } of rising) {
    for (const [session, side] of sessions) {
      if (side === "v2") onV2.add(session);
      else if (onV2.has(session)) left.add(session);
    }
  }
  return [...left];
}

/** How the sides of the sessions that were seen in both of two visits compare. */
export function compareVisits(
  before: Visit,
  after: Visit,
): { readonly common: number; readonly changed: number } {
  let common = 0;
  let changed = 0;
  for (const [session, side] of after.sessions) {
    const earlier = before.sessions.get(session);
    if (earlier === undefined) continue;
    common++;
    if (earlier !== side) changed++;
  }
  return { common, changed };
}

/**
 * A caller that repeats a request keeps its id: an earlier attempt's line has another status, or none of the
 * pools behind it where one wrote the last answer (a 503 of the router, then a 503 of a pool that starts).
 */
function isEarlierAttempt(line: DecisionLine, record: RequestRecord): boolean {
  if (record.repeats === 0) return false;
  return line.status !== record.status || (record.pool !== undefined && line.served === undefined);
}

function newVisit(): OpenVisit {
  return { sessions: new Map(), requests: { v1: 0, v2: 0 } };
}
