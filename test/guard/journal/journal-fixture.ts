import { pino } from "pino";
import { loginRole } from "../../../infra/database/names.ts";
import { EventWriter } from "../../../infra/rollout/evidence/session-events.ts";
import type { JournalEntry } from "../../../infra/rollout/journal-entry.ts";
import { Judge } from "../../../scripts/agents/guard/judge.ts";
import { up } from "../../../scripts/agents/migrate/commands.ts";
import type { MigrateSettings } from "../../../scripts/agents/migrate/settings.ts";
import { prepareDatabase } from "../../database/migrated-database.ts";
import type { PreparedDatabase } from "../../database/migrated-database.ts";
import type { TestPostgres } from "../../lib/postgres.ts";
import { begin, row, settings, side } from "../../rollout/evidence/sample-row.ts";

/** Logs nothing. */
export const quiet = pino({ level: "silent" });

/** Name of the attempt, where none is given. */
export const attemptName = "20260101T000000Z";

/** A verdict, as it is journaled. */
export type VerdictEntry = Extract<JournalEntry, { kind: "verdict" }>;

/** What a guard journals. */
interface Told {
  readonly writer: string;
  readonly verdicts: number;
  readonly attempt?: string;
  /** Time of the first verdict, milliseconds since 1970; the others follow every 5 s. */
  readonly from?: number;
  /** Whether the guard knows everything. */
  readonly complete?: boolean;
  /** Number of the first session: each verdict has one that is new. */
  readonly firstSession?: number;
  /** Whether no session of V2 fails. */
  readonly healthy?: boolean;
}

/** A chain of verdicts: at 5 % at first, at 10 % in the second half. */
export function chainOf(told: Told): VerdictEntry[] {
  const judge = new Judge(settings, 5_000);
  judge.beginChain(told.writer);
  return extendChain(judge, told);
}

/** Goes on with a chain, possibly in another attempt. */
export function extendChain(judge: Judge, told: Told): VerdictEntry[] {
  const { verdicts, attempt = attemptName, from = begin, complete = true, healthy = false } = told;
  const counts: Record<string, { v1: ReturnType<typeof side>; v2: ReturnType<typeof side> }> = {};
  return Array.from({ length: verdicts }, (_, index) => {
    const percentage = index < verdicts / 2 ? 5 : 10;
    counts[percentage] = {
      v1: side(200 + 10 * index),
      v2: side(10 + index, healthy ? {} : { failed: index % 3 }),
    };
    const at = from + 5_000 * index;
    const [v1, v2] = [side(0), side(0)];
    judge.judge(row(percentage, v1, v2, { at, attempt, counts: { ...counts }, complete }));
    const session = BigInt((told.firstSession ?? 0) + index);
    const evidence = { sessions: eventsOf(session), cursors: { router: index + 1 } };
    return { kind: "verdict", ...judge.entry(evidence) };
  });
}

/** Session events, base64: each session was seen at 5 %. */
export function eventsOf(...hashes: readonly bigint[]): string {
  const events = new EventWriter();
  for (const hash of hashes) events.add({ hash, percentage: 5, side: "v1", kind: "seen" });
  return events.take().toString("base64");
}

/** An entry that is small. */
export function brakeEntry(id: string, why = "a test"): JournalEntry {
  return { kind: "brake", at: begin, action: "engaged", id, who: "tester", why, source: "cli" };
}

/** A database with the project's tables. */
export async function migratedDatabase(
  server: TestPostgres,
  name: string,
): Promise<PreparedDatabase & { readonly writerSettings: MigrateSettings }> {
  const database = await prepareDatabase(server, name);
  await up(database.context);
  const writerSettings = { ...database.settings, user: loginRole(name, "writer") };
  return { ...database, writerSettings };
}
