import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type pg from "pg";
import { beginAttempt } from "../../infra/rollout/evidence/attempt.ts";
import { writeEntries } from "../../scripts/agents/guard/journal/writer.ts";
import { Judge } from "../../scripts/agents/guard/judge.ts";
import { prepareDatabase } from "../database/migrated-database.ts";
import { chainOf, extendChain, migratedDatabase } from "../guard/journal/journal-fixture.ts";
import type { VerdictEntry } from "../guard/journal/journal-fixture.ts";
import { startPostgres } from "../lib/postgres.ts";
import type { TestPostgres } from "../lib/postgres.ts";
import { runScript } from "../lib/run-script.ts";
import { begin, settings } from "../rollout/evidence/sample-row.ts";

const [first, second] = ["20260101T000000Z", "20260102T000000Z"] as const;
const day = 86_400_000;
let server: TestPostgres;
let database: Awaited<ReturnType<typeof migratedDatabase>>;
let owner: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
  database = await migratedDatabase(server, "replayed");
  owner = await database.connect("owner");
});
afterAll(async () => {
  await database.close();
  await server.stop();
});
beforeEach(async () => {
  await owner.query("TRUNCATE verdicts, attempts");
});

function environment(changes: Record<string, string> = {}): Record<string, string> {
  return {
    PGHOST: "127.0.0.1",
    PGPORT: String(server.port),
    PGDATABASE: "replayed",
    PGUSER: "replayed_reader_login",
    PGPASSWORD: database.settings.password,
    PGSSLMODE: "disable",
    ...changes,
  };
}

const replay = (...argv: string[]) => runScript("replay", argv, environment());

async function record(entries: readonly VerdictEntry[]): Promise<void> {
  expect(await writeEntries(owner, entries)).toEqual([]);
}

/** Two attempts: one guard went on from the first to the second, another took over. */
function twoAttempts(): VerdictEntry[] {
  const judge = new Judge(settings, 5_000);
  judge.beginChain("guard-1");
  return [
    ...extendChain(judge, { writer: "guard-1", verdicts: 130 }),
    ...extendChain(judge, { writer: "guard-1", verdicts: 4, attempt: second, from: begin + day }),
    ...chainOf({ writer: "guard-2", verdicts: 3, attempt: second, from: begin + 2 * day }),
  ];
}

describe("replay", () => {
  it("finds every verdict of every attempt again, and tells from when to when they are", async () => {
    await record(twoAttempts());
    const attempt = beginAttempt({
      at: begin,
      why: "V2 has a build",
      build: "b1",
      slowMilliseconds: 300,
    });
    await writeEntries(owner, [{ kind: "attempt", attempt, who: "guard-1" }]);
    const { code, stdout, stderr } = await replay();
    expect(stdout).toBe(
      [
        "attempt 20260101T000000Z, build b1: V2 has a build",
        "  130 verdicts from 2026-01-01T00:00:00.000Z to 2026-01-01T00:10:45.000Z: 130 hold",
        "  130 the same when recomputed, 0 different",
        "attempt 20260102T000000Z",
        "  7 verdicts from 2026-01-02T00:00:00.000Z to 2026-01-03T00:00:10.000Z: 7 hold",
        "  7 the same when recomputed, 0 different",
        "",
      ].join("\n"),
    );
    expect([code, stderr]).toEqual([0, ""]);
  });

  it("recomputes one attempt alone, from where its chain can be entered", async () => {
    await record(twoAttempts());
    const { code, stdout } = await replay("--attempt", second, "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      stack: "dev",
      database: {
        host: "127.0.0.1",
        port: server.port,
        name: "replayed",
        user: "replayed_reader_login",
      },
      attempts: [
        {
          attempt: second,
          verdicts: 7,
          kinds: { hold: 7 },
          first: "2026-01-02T00:00:00.000Z",
          last: "2026-01-03T00:00:10.000Z",
          mismatches: 0,
          notReplayable: 0,
        },
      ],
      mismatches: [],
    });
  });

  it("shows what differs, and ends with 1", async () => {
    await record(
      twoAttempts().map((entry) => {
        const { writer, sequence, start, verdict } = entry;
        const at = `${writer} ${String(sequence)}`;
        if (at === "guard-1 7") return { ...entry, verdict: { ...verdict, kind: "pass" } };
        if (at !== "guard-1 60" || start?.state == null) return entry;
        return { ...entry, start: { ...start, state: { ...start.state, attempt: "forged" } } };
      }),
    );
    const { code, stdout } = await replay("--json");
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      attempts: [{ mismatches: 2, kinds: { hold: 129, pass: 1 } }, { mismatches: 0 }],
      mismatches: [
        {
          attempt: first,
          writer: "guard-1",
          sequence: 7,
          at: "2026-01-01T00:00:30.000Z",
          differences: [{ path: "verdict.kind", journaled: '"pass"', recomputed: '"hold"' }],
        },
        {
          sequence: 60,
          differences: [
            { path: "start.state.attempt", journaled: '"forged"', recomputed: `"${first}"` },
          ],
        },
      ],
    });
    expect((await replay()).stdout).toContain(
      [
        "  128 the same when recomputed, 2 different",
        "attempt 20260102T000000Z",
        "  7 verdicts from 2026-01-02T00:00:00.000Z to 2026-01-03T00:00:10.000Z: 7 hold",
        "  7 the same when recomputed, 0 different",
        "verdict 7 of guard-1 at 2026-01-01T00:00:30.000Z, attempt 20260101T000000Z, comes out differently:",
        '  verdict.kind: "pass" in the journal, "hold" recomputed',
      ].join("\n"),
    );
  });

  it("notices evidence that was changed, and describes no more than ten verdicts", async () => {
    await record(twoAttempts());
    await owner.query(
      `UPDATE verdicts SET evidence_row = replace(evidence_row::text, '"complete":true', '"complete":false')::json
       WHERE sequence BETWEEN 20 AND 39`,
    );
    const { code, stdout } = await replay();
    expect(code).toBe(1);
    expect(stdout.match(/comes out differently/g)).toHaveLength(10);
    expect(stdout).toContain("\nand 10 more that differ\n");
  });

  it("says where rows are missing, and ends with 2, or with 1 where something differs too", async () => {
    await record(twoAttempts().filter(({ sequence }) => sequence !== 50));
    const { code, stdout } = await replay();
    expect(code).toBe(2);
    expect(stdout).toContain(
      "  120 the same when recomputed, 0 different, 9 not replayable: rows before them are missing\n",
    );
    await owner.query(
      "UPDATE verdicts SET verdict = replace(verdict::text, 'hold', 'pass')::json WHERE sequence = 70",
    );
    expect((await replay()).code).toBe(1);
  });

  it("has nothing to do in an empty journal, for an unknown attempt, and without tables", async () => {
    const empty = { code: 2, stdout: "" };
    expect(await replay()).toEqual({
      ...empty,
      stderr: "replay: nothing to replay: the journal has no verdicts yet\n",
    });
    const attempt = beginAttempt({ at: begin, why: "w", build: "b", slowMilliseconds: null });
    await writeEntries(owner, [{ kind: "attempt", attempt, who: "guard-1" }]);
    expect(await replay("--attempt", second)).toEqual({
      ...empty,
      stderr: `replay: nothing to replay: the journal has no verdicts of attempt ${second}; its attempts: ${first}\n`,
    });
    const bare = await prepareDatabase(server, "bare");
    const names = { PGDATABASE: "bare", PGUSER: "bare_reader_login" };
    expect(await runScript("replay", [], environment(names))).toEqual({
      ...empty,
      stderr:
        "replay: nothing to replay: the database has no table of verdicts; npm run db:status shows what is pending\n",
    });
    await bare.close();
  });

  it.each([
    ["nobody there", ["--json"], { PGPORT: "1" }, 3, "did not answer within 2 s"],
    ["no stack to ask", [], { PGHOST: "", PATH: "/nonexistent" }, 2, "Without it: set PGHOST"],
    [
      "a name that is none",
      ["--attempt", "p5"],
      {},
      2,
      '--attempt is "p5": use the name of an attempt',
    ],
  ])("says what is wrong: %s", async (_, argv, changed, code, sentence) => {
    const result = await runScript("replay", argv, environment(changed));
    expect(result.stderr).toContain(sentence);
    expect(result).toMatchObject({ code, stdout: "" });
  });
});
