import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rules } from "../../scripts/conformance/rules.ts";
import { startPostgres, type TestPostgres } from "../lib/postgres.ts";
import { writeFlags } from "./in-process-pool.ts";
import { checkThrough, type PoolOfTests } from "./check-through.ts";
import { recordExchanges, touchedRules, type Recording } from "./recording.ts";
import { wrongServers } from "./wrong-servers.ts";

/** On: every rule is checked against every wrong server. Off: the rules whose exchanges it changes. */
const everyRule = process.env["CONFORMANCE_EVERY_RULE"] === "true";

/** At a time: they mostly wait, and more would meet the time limits of rules on a slow machine. */
const lanes = lanesOf(3);

/**
 * Declares the tests that wrong servers fail on exactly their rule.
 *
 * @param chosen rules whose wrong servers are tried
 */
export function describeWrongServers(chosen: readonly string[]): void {
  let postgres: TestPostgres;
  let directory: string;
  let pool: PoolOfTests;
  let recording: Recording;

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "conformance-"));
    const flagsFile = join(directory, "flags.json");
    await writeFlags(flagsFile, "circuit_breaker");
    postgres = await startPostgres();
    await postgres.createDatabase("pool");
    pool = { databaseUrl: postgres.url("pool"), environment: { POOL_FLAGS_FILE: flagsFile } };
    recording = await recordExchanges(pool);
  });

  afterAll(async () => {
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  });

  describe("a server that is wrong in one thing", () => {
    it("exists for every rule", () => {
      expect(Object.keys(wrongServers)).toEqual(rules.map(({ name }) => name));
    });

    it.concurrent.each(Object.entries(wrongServers).filter(([rule]) => chosen.includes(rule)))(
      "fails %s and no other rule",
      async (rule, wrong) => {
        const touched = touchedRules(recording, wrong);
        expect(touched).toContain(rule);
        const all = everyRule ? undefined : touched;
        const results = await lanes(() => checkThrough(pool, wrong, all));
        expect(results.filter(({ status }) => status !== "passed")).toEqual([
          { rule, status: "failed", detail: expect.any(String) as string },
        ]);
      },
      120_000,
    );
  });
}

/** Lets so many run at once; the others wait for their turn. */
function lanesOf(count: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let free = count;
  return async (work) => {
    if (free > 0) free -= 1;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
