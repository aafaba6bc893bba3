import { z } from "zod";
import type { DecisionLine } from "../../../infra/rollout/decision-log.ts";
import type { Attempt } from "../../../infra/rollout/evidence/attempt.ts";
import {
  bookStateSchema,
  emptyBookState,
  EvidenceBook,
} from "../../../infra/rollout/evidence/book.ts";
import type { EvidenceQuestion } from "../../../infra/rollout/evidence/protocol.ts";
import { EvidenceStore, placeSchema } from "./evidence-store.ts";

/** Schema of what is remembered of the evidence over a restart. */
export const evidenceStateSchema = z.strictObject({
  book: bookStateSchema,
  /** Where the records are. */
  store: placeSchema,
  /** Lines that had been lost or could not be read when the attempt began. */
  lostBefore: z.int().min(0),
});

/** What is remembered of the evidence over a restart. */
export type EvidenceState = z.infer<typeof evidenceStateSchema>;

/** State of an agent that has seen nothing. */
export function emptyEvidence(): EvidenceState {
  return {
    book: emptyBookState(Date.now()),
    store: { generation: 0, bytes: 0 },
    lostBefore: 0,
  };
}

/** This many sessions make a record of their own, also where no guard asks. */
const largestRecord = 20_000;

/** What a router knows about the attempt in force, and tells the guards. */
export class Evidence {
  private readonly state: EvidenceState;
  private readonly store: EvidenceStore;
  private readonly book: EvidenceBook;

  /**
   * @param state kept up to date; to be stored after each {@link Evidence.close}
   * @param path begin of the names of the files
   * @throws Error where the stored records cannot be used
   */
  constructor(state: EvidenceState, path: string) {
    this.state = state;
    this.store = new EvidenceStore(path, state.store);
    this.book = new EvidenceBook(state.book, this.store.records());
  }

  /** The attempt that counts; null: no guard has named one. */
  get attempt(): Attempt | null {
    return this.state.book.attempt;
  }

  take(line: DecisionLine): void {
    this.book.take(line);
    if (this.book.waiting >= largestRecord) this.close();
  }

  /** Closes the record of what was taken, if anything was. */
  close(): void {
    const record = this.book.close(Date.now());
    if (record === undefined) return;
    this.store.append(record);
    this.store.unite();
    this.state.store = this.store.place;
  }

  /** The state was stored. */
  stored(): void {
    this.store.settle();
  }

  /**
   * Follows the attempt that a guard names.
   *
   * @param lostLines lines that were lost or could not be read so far
   */
  follow(attempt: Attempt, lostLines: number): void {
    if (!this.book.follow(attempt, Date.now())) return;
    this.store.clear();
    this.state.store = this.store.place;
    this.state.lostBefore = lostLines;
  }

  /**
   * Answers a guard, without the agent's report; JSON, without the braces around it.
   *
   * @param lostLines lines that were lost or could not be read so far
   */
  answer({ attempt, after }: EvidenceQuestion, lostLines: number): string {
    const { book, lostBefore } = this.state;
    const same = attempt !== undefined && attempt.name === book.attempt?.name;
    const none = { records: [], restart: false, more: false };
    const { records, restart, more } = same ? this.store.after(after) : none;
    const head = {
      attempt: book.attempt,
      lostLines: Math.max(0, lostLines - lostBefore),
      mispredicted: book.mispredicted,
      last: book.last,
      complete: book.complete,
      restart,
      more,
    };
    return `${JSON.stringify(head).slice(1, -1)},"records":[${records.join(",")}]`;
  }

  closeFiles(): void {
    this.store.close();
  }
}
