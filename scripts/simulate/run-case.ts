import { upperBound } from "./interval.ts";
import type { Case } from "./cases.ts";
import { runMigration } from "./migration.ts";
import { randomFrom } from "./random.ts";

/** Result of a case. */
export interface CaseResult {
  readonly name: string;
  readonly migrations: number;
  readonly rollbacks: number;
  /** Upper bound, one-sided 95 %, of the share of rollbacks. */
  readonly upperBound: number;
  /** Median time to the rollback among those rolled back, minutes from the first percentage; null without any. */
  readonly medianMinutes: number | null;
  /** How often each finding took part in a rollback. */
  readonly causes: Readonly<Record<string, number>>;
  /** Minutes to the rollback of the first migrations, null for none: what a test can run again. */
  readonly first: readonly (number | null)[];
}

/** Number of single results that are kept. */
const kept = 5;

/** What one migration gave: minutes to the rollback and what caused it. */
type Single = { readonly minutes: number; readonly codes: readonly string[] } | undefined;

/** Runs migration number `index` of a case; its random numbers depend on nothing but seed, case and index. */
export function runSingle({ name, plan, repaired }: Case, seed: number, index: number): Single {
  const random = randomFrom(seed ^ hash(name), index);
  const first = runMigration(plan, random);
  if (repaired === undefined) return first.rollback;
  if (first.rollback === undefined) {
    throw new RangeError(
      `${name}: the broken V2 was not rolled back in migration ${String(index)}`,
    );
  }
  const healthy = { ...plan };
  delete healthy.fault;
  const at = first.verdict.at + 3_600_000;
  return runMigration(healthy, random, { attempt: "2", at, state: first.state }).rollback;
}

/**
 * Runs a case.
 *
 * @param beforeEach called before each migration with the number of those done; its rejection ends the run
 */
export async function runCase(
  one: Case,
  seed: number,
  migrations: number,
  beforeEach: (done: number) => Promise<void>,
): Promise<CaseResult> {
  const minutes: number[] = [];
  const causes: Record<string, number> = {};
  const first: (number | null)[] = [];
  for (let index = 0; index < migrations; index += 1) {
    await beforeEach(index);
    const single = runSingle(one, seed, index);
    if (index < kept) first.push(single?.minutes ?? null);
    if (single === undefined) continue;
    minutes.push(single.minutes);
    for (const code of new Set(single.codes)) causes[code] = (causes[code] ?? 0) + 1;
  }
  minutes.sort((a, b) => a - b);
  return {
    name: one.name,
    migrations,
    rollbacks: minutes.length,
    upperBound: upperBound(minutes.length, migrations),
    medianMinutes: minutes[Math.floor((minutes.length - 1) / 2)] ?? null,
    causes,
    first,
  };
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const character of text) {
    value = Math.imul(value ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return value;
}
