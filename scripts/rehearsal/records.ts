import type { Side } from "../../infra/rollout/decision.ts";
import type { Operation } from "./load-plan.ts";

/** What came of one planned request, as the caller saw it. */
export interface RequestRecord {
  readonly type: "request";
  readonly requestId: string;
  /** Absent = anonymous. */
  readonly sessionId?: string;
  readonly operation: Operation;
  /** Carried an Idempotency-Key. */
  readonly keyed: boolean;
  /** When it was planned to be sent, milliseconds since 1970. */
  readonly intendedAt: number;
  /** From the planned moment to the end of the answer, milliseconds. */
  readonly durationMs: number;
  /** HTTP status; 0 = no answer. */
  readonly status: number;
  /** Response header `x-rollout`. */
  readonly rollout?: string;
  /** Response header `x-pool-version`: only a pool writes it. */
  readonly pool?: Side;
  /** Why there is no answer; `notSent` = the connection was never made. */
  readonly failure?: "notSent" | "cut";
  /** Error code of the failure, for people. */
  readonly reason?: string;
  /** How often the caller sent it again. */
  readonly repeats: number;
  /** What the answer said; `expected` also where there was none to check. */
  readonly verdict: Verdict;
}

/** Whether an answer was the one that the books demand. */
export type Verdict =
  | "expected"
  /** 404 for a program that was acknowledged and not deleted. */
  | "programMissing"
  /** 200 with outputs that the program cannot have made. */
  | "wrongAnswer"
  /** Any other status that the request did not deserve. */
  | "unexpectedStatus";

/** Outcome of looking for every program at the end. */
export interface Verification {
  readonly type: "verification";
  readonly sessions: number;
  /** Programs that had to be there. */
  readonly programs: number;
  /** Session and id of those that were not listed. */
  readonly notListed: readonly string[];
  /** Session and id of those that did not execute with the right answer. */
  readonly notExecutable: readonly string[];
  /** Session and id of deleted ones that were listed. */
  readonly reappeared: readonly string[];
}

/** A line that the load process writes. */
export type LoadMessage = RequestRecord | Verification | { readonly type: "stopped" };

/** A line that the load process reads. */
export type LoadCommand =
  /** Sends the rest of the plan so many times as fast as it was made; no answer. */
  | { readonly command: "pace"; readonly factor: number }
  /** Sends nothing more, answers `stopped` once nothing is in flight. */
  | { readonly command: "stop" }
  /** Looks for every program, answers with a verification; the process ends. */
  | { readonly command: "verify" };
