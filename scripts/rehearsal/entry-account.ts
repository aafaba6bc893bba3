import type { RequestRecord } from "./records.ts";

/**
 * Where the callers' Service leads: past the router straight to V1, through the router, or, while that changes and
 * until the callers' last connections of before are closed, either way.
 */
export type Entry = "beside" | "inline" | "changing";

/** Counts of the requests that were planned while the entry was settled. */
export interface EntryTotals {
  /** Answered by V1 directly while they were to be. */
  readonly direct: number;
  /** Passed the router by although it was in the path. */
  readonly directWhileInline: number;
  /** Went through the router although it was to stand beside. */
  readonly routedWhileBeside: number;
}

/** Holds what callers saw against where their Service led at the time. */
export class EntryAccount {
  /** Newest first. */
  readonly #periods: { readonly from: number; readonly entry: Entry }[] = [];
  readonly #totals = { direct: 0, directWhileInline: 0, routedWhileBeside: 0 };

  /** Says where the Service leads for requests that are planned from a moment on. */
  expect(entry: Entry, from: number): void {
    this.#periods.unshift({ from, entry });
  }

  /** Takes an answered request; true if it did not pass through the router. */
  add(record: RequestRecord): boolean {
    const direct = record.pool !== undefined && record.rollout === undefined;
    const entry = this.#periods.find(({ from }) => record.intendedAt >= from)?.entry ?? "inline";
    if (direct && entry === "inline") this.#totals.directWhileInline++;
    else if (direct && entry === "beside") this.#totals.direct++;
    else if (!direct && record.rollout !== undefined && entry === "beside") {
      this.#totals.routedWhileBeside++;
    }
    return direct;
  }

  /** The counts so far. */
  totals(): EntryTotals {
    return { ...this.#totals };
  }
}
