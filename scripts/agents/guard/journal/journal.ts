import { setTimeout as delay } from "node:timers/promises";
import type pg from "pg";
import type { Logger } from "pino";
import type { JournalEntry } from "../../../../infra/rollout/journal-entry.ts";
import { connectOnce } from "../../migrate/connection.ts";
import type { SessionLimits } from "../../migrate/connection.ts";
import type { MigrateSettings } from "../../migrate/settings.ts";
import { readRestored } from "./restore.ts";
import type { Restored } from "./restore.ts";
import { Spool } from "./spool.ts";
import type { BatchLimits } from "./spool.ts";
import { writeEntries } from "./writer.ts";

/** How much a journal takes, and how long it tries. */
interface JournalLimits {
  /** Largest size of the entries that wait on disk, bytes. */
  readonly spoolBytes: number;
  /** What goes into one transaction. */
  readonly batch: BatchLimits;
  /** First and longest pause after a failure, milliseconds; each is twice the one before. */
  readonly retry: { readonly first: number; readonly longest: number };
  /** How long closing goes on shipping, milliseconds. */
  readonly closeMilliseconds: number;
}

interface JournalOptions {
  /** Where entries wait on disk; made where it is missing. */
  readonly directory: string;
  /** As the writer; undefined: the stack has no database, and nothing is journaled. */
  readonly database: MigrateSettings | undefined;
  readonly log: Logger;
  readonly limits?: Partial<JournalLimits>;
}

const defaultLimits: JournalLimits = {
  spoolBytes: 256 * 1024 * 1024,
  batch: { entries: 100, bytes: 4 * 1024 * 1024 },
  retry: { first: 500, longest: 10_000 },
  closeMilliseconds: 2_000,
};

const session: SessionLimits = {
  application: "pool-migration guard",
  connect: 5_000,
  statement: 5_000,
  answer: 8_000,
};

/**
 * The guard's journal: entries are appended to a spool on disk and shipped to the database in the background, in order.
 * Only the guard that holds the Lease appends; what it appended is shipped even when another one holds it by then.
 * Whatever the database does, nobody waits for it.
 */
export class Journal {
  private readonly database: MigrateSettings | undefined;
  private readonly log: Logger;
  private readonly limits: JournalLimits;
  private readonly spool: Spool | undefined;
  private readonly stopping = new AbortController();
  private readonly running: Promise<void>;
  /** Writers of the verdicts that were appended here. */
  private readonly ownWriters = new Set<string>();
  private client: pg.Client | undefined;
  private wake: () => void = () => undefined;
  private shippedAt: number | null = null;
  private databaseProblem: string | undefined;
  private missing: { readonly count: number; readonly last: string } | undefined;
  private appendFails = false;

  constructor({ directory, database, log, limits }: JournalOptions) {
    this.database = database;
    this.log = log;
    this.limits = { ...defaultLimits, ...limits };
    this.spool = database === undefined ? undefined : this.openSpool(directory);
    this.running =
      database === undefined || this.spool === undefined
        ? Promise.resolve()
        : this.run(this.spool, database);
  }

  /** False where the stack has no database: nothing is recorded. */
  get enabled(): boolean {
    return this.database !== undefined;
  }

  /** Number of entries that wait for the database. */
  get waiting(): number {
    return this.spool?.waiting ?? 0;
  }

  /** When the database took an entry last, milliseconds since 1970; null before it did. */
  get writtenAt(): number | null {
    return this.shippedAt;
  }

  /** What keeps entries from the database now, and how many it will never have; null: nothing. */
  get problem(): string | null {
    const { missing, databaseProblem } = this;
    const problems = [
      ...(databaseProblem === undefined ? [] : [databaseProblem]),
      ...(missing === undefined
        ? []
        : [`entries that the journal lacks: ${String(missing.count)}, the last: ${missing.last}`]),
    ];
    return problems.length === 0 ? null : problems.join("; ");
  }

  /** Appends an entry. It never throws: what cannot be kept is logged and shown. */
  append(entry: JournalEntry): void {
    if (!this.enabled) return;
    if (entry.kind === "verdict") this.ownWriters.add(entry.writer);
    try {
      if (this.spool === undefined) throw new Error("there is no spool");
      this.spool.append(entry);
      this.appendFails = false;
      this.wake();
    } catch (error) {
      this.miss(entry.kind, reasonOf(error));
      // Once, and not each second until there is room again.
      if (!this.appendFails) {
        this.log.error({ kind: entry.kind, error: reasonOf(error) }, "an entry cannot be kept");
      }
      this.appendFails = true;
    }
  }

  /**
   * Reads back what a guard needs to go on with an attempt. Verdicts that were appended here do not count: whoever asks
   * rests on less than what it asks for.
   *
   * @param attempt name of the attempt
   * @returns undefined where the journal has nothing of it
   * @throws Error where the database does not answer, or what it has is not whole
   */
  async restore(attempt: string): Promise<Restored | undefined> {
    if (this.database === undefined) return undefined;
    const client = await connectOnce(this.database, "look", session);
    try {
      return await readRestored(client, attempt, [...this.ownWriters]);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** Ships what it can in a short time, and ends. What is left waits on disk. */
  async close(): Promise<void> {
    const waiting = new AbortController();
    this.stopping.abort();
    this.wake();
    const limit = delay(this.limits.closeMilliseconds, undefined, { signal: waiting.signal });
    await Promise.race([this.running, limit]);
    waiting.abort();
    // Where a query still runs, this breaks it off.
    void this.disconnect();
  }

  private openSpool(directory: string): Spool | undefined {
    try {
      return new Spool(directory, this.limits.spoolBytes);
    } catch (error) {
      this.log.error({ directory, error: reasonOf(error) }, "the journal's spool cannot be opened");
      return undefined;
    }
  }

  private async run(spool: Spool, database: MigrateSettings): Promise<void> {
    const { signal } = this.stopping;
    const { first, longest } = this.limits.retry;
    let pause = first;
    for (;;) {
      if (spool.waiting === 0) {
        if (signal.aborted) break;
        await new Promise<void>((resolve) => (this.wake = resolve));
        continue;
      }
      try {
        await this.shipBatch(spool, database);
        pause = first;
      } catch (error) {
        this.noteFailure(error);
        void this.disconnect();
        if (signal.aborted) break;
        await delay(pause, undefined, { signal }).catch(() => undefined);
        pause = Math.min(2 * pause, longest);
      }
    }
    await this.disconnect();
    spool.close();
  }

  private async shipBatch(spool: Spool, database: MigrateSettings): Promise<void> {
    this.client ??= await connectOnce(database, "record", session);
    const entries = spool.take(this.limits.batch);
    const refusals = await writeEntries(this.client, entries);
    spool.handOn();
    if (entries.length > refusals.length) this.shippedAt = Date.now();
    for (const { kind, message } of refusals) {
      this.miss(kind, message);
      this.log.error({ kind, error: message }, "the database refuses an entry for good");
    }
    if (this.databaseProblem !== undefined) this.log.info("the journal is written again");
    this.databaseProblem = undefined;
  }

  private noteFailure(error: unknown): void {
    const problem = `the database takes no entries: ${reasonOf(error)}`;
    if (problem !== this.databaseProblem) {
      this.log.warn({ error: reasonOf(error), waiting: this.waiting }, "the database is missing");
    }
    this.databaseProblem = problem;
  }

  private miss(kind: JournalEntry["kind"], reason: string): void {
    const count = (this.missing?.count ?? 0) + 1;
    this.missing = { count, last: `${kind}: ${reason}` };
  }

  /** Ends the connection; to wait for that may take long where the network swallows packets. */
  private async disconnect(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    await client?.end().catch(() => undefined);
  }
}

/** A failure to connect to several addresses has a code and no message. */
function reasonOf(error: unknown): string {
  const { message, code } = error as { message?: string; code?: string };
  return message || code || String(error);
}
