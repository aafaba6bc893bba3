import type pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { beginAttempt, changeAttempt } from "../../infra/rollout/evidence/attempt.ts";
import type { JournaledVerdict } from "../../infra/rollout/evidence/journal.ts";
import { recompute } from "../../infra/rollout/evidence/journal.ts";
import type { JournalEntry } from "../../infra/rollout/journal-entry.ts";
import { writeEntries } from "../../scripts/agents/guard/journal/writer.ts";
import { connect } from "../../scripts/agents/migrate/connection.ts";
import { readAttempts, readChainEnd, readVerdicts } from "../../scripts/lib/journal-reader.ts";
import { chainOf, migratedDatabase } from "../guard/journal/journal-fixture.ts";
import type { VerdictEntry } from "../guard/journal/journal-fixture.ts";
import { startPostgres } from "../lib/postgres.ts";
import type { TestPostgres } from "../lib/postgres.ts";
import { begin } from "../rollout/evidence/sample-row.ts";

let server: TestPostgres;
let database: Awaited<ReturnType<typeof migratedDatabase>>;
let writer: pg.Client;
let reader: pg.Client;

beforeAll(async () => {
  server = await startPostgres();
  database = await migratedDatabase(server, "read");
  writer = await database.connect("writer");
  reader = await connect({ ...database.settings, user: "read_reader_login" }, "look");
});
afterAll(async () => {
  await reader.end();
  await database.close();
  await server.stop();
});
beforeEach(async () => {
  const owner = await database.connect("owner");
  await owner.query("TRUNCATE verdicts, attempts");
});

const record = async (entries: readonly JournalEntry[]) =>
  expect(await writeEntries(writer, entries)).toEqual([]);

const places = (verdicts: readonly JournaledVerdict[]) =>
  verdicts.map(({ writer: by, sequence }) => `${by} ${String(sequence)}`);

const placesOf = (by: string, first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, index) => `${by} ${String(first + index)}`);

/** The verdict of an entry. */
function verdictOf(entry: VerdictEntry): JournaledVerdict {
  const { writer: by, sequence, row, verdict, start, sessions, cursors } = entry;
  return { writer: by, sequence, row, verdict, start, sessions, cursors };
}

async function all(
  filter?: Parameters<typeof readVerdicts>[1],
  client = reader,
): Promise<JournaledVerdict[]> {
  const verdicts: JournaledVerdict[] = [];
  for await (const verdict of readVerdicts(client, filter)) verdicts.push(verdict);
  return verdicts;
}

describe("the end of the journal", () => {
  it("is empty before the first verdict", async () => {
    expect(await readChainEnd(reader)).toEqual([]);
  });

  it("is what recomputes the newest verdict, as it was written", async () => {
    const entries = chainOf({ writer: "a", verdicts: 130 });
    await record(entries);
    const end = await readChainEnd(reader);
    const withoutSessions = (entry: VerdictEntry) => ({ ...verdictOf(entry), sessions: "" });
    expect(end).toEqual(entries.slice(119).map(withoutSessions));
    expect([...recompute(end)].every(({ same }) => same)).toBe(true);
  });

  it("goes as far back as it is asked to, or to the begin of the chain", async () => {
    await record(chainOf({ writer: "a", verdicts: 130 }));
    // A verdict every 5 s; the chain can be entered at 1, 60 and 120.
    expect((await readChainEnd(reader, 50))[0]?.sequence).toBe(120);
    expect((await readChainEnd(reader, 51))[0]?.sequence).toBe(60);
    expect((await readChainEnd(reader, 3600))[0]?.sequence).toBe(1);
  });

  it("is the chain with the newest verdict, although another was recorded later", async () => {
    await record([
      ...chainOf({ writer: "b", verdicts: 2, from: begin + 60_000 }),
      ...chainOf({ writer: "a", verdicts: 3 }),
    ]);
    expect(places(await readChainEnd(reader))).toEqual(["b 1", "b 2"]);
  });
});

describe("all verdicts", () => {
  it("come page by page, writer by writer in the order of their begin, each in sequence", async () => {
    const long = chainOf({ writer: "z", verdicts: 450 });
    const short = chainOf({ writer: "a", verdicts: 3, from: begin + 3_600_000 });
    // Recorded in the order in which they are seen, but for one.
    await record([...long.slice(0, 200), ...short, ...long.slice(201), ...long.slice(200, 201)]);
    const verdicts = await all();
    expect(places(verdicts)).toEqual([...placesOf("z", 1, 450), ...placesOf("a", 1, 3)]);
    expect(verdicts[449]).toEqual(verdictOf(long.at(-1) as VerdictEntry));
  });

  it("come one by one where their sessions are large", async () => {
    const sessions = Buffer.alloc(3_000_000, 7).toString("base64");
    await record(chainOf({ writer: "a", verdicts: 5 }).map((entry) => ({ ...entry, sessions })));
    const queries: number[] = [];
    const counting = {
      query: async (text: string, values?: unknown[]) => {
        const result = await reader.query(text, values);
        if (text.includes("bytes_before")) queries.push(result.rows.length);
        return result;
      },
    } as pg.Client;
    const verdicts = await all(undefined, counting);
    expect(verdicts.map((verdict) => verdict.sessions === sessions)).toEqual(Array(5).fill(true));
    expect(queries).toEqual([2, 2, 1]);
    const lean = await all({ sessions: false }, counting);
    expect(lean).toEqual(verdicts.map((verdict) => ({ ...verdict, sessions: "" })));
    expect(queries.slice(3)).toEqual([5]);
  });

  it("of one attempt come with what is needed to recompute the first", async () => {
    const other = "20260102T000000Z";
    const chain = chainOf({ writer: "a", verdicts: 100 });
    const inOther = (entry: VerdictEntry) => ({
      ...entry,
      row: { ...entry.row, attempt: other },
    });
    await record([
      ...chain.slice(0, 70),
      ...chain.slice(70).map(inOther),
      ...chainOf({ writer: "b", verdicts: 2 }),
      ...chainOf({ writer: "c", verdicts: 2, attempt: other }),
    ]);
    expect(places(await all({ attempt: other }))).toEqual([
      ...placesOf("a", 60, 100),
      ...placesOf("c", 1, 2),
    ]);
    expect(await all({ attempt: "20260103T000000Z" })).toEqual([]);
  });
});

describe("attempts", () => {
  it("are read as they were recorded last, in the order of their begin", async () => {
    const start = { why: "w", build: "b", slowMilliseconds: null };
    const one = beginAttempt({ ...start, at: begin });
    const frozen = changeAttempt(one, { slowMilliseconds: 250 }, begin + 10);
    const two = beginAttempt({ ...start, at: begin + 5_000, before: frozen });
    const by = (who: string) => (attempt: typeof one) =>
      ({ kind: "attempt", attempt, who }) as const;
    await record([by("g2")(two), by("g2")(frozen), by("g1")(one)]);
    expect(await readAttempts(reader)).toEqual([
      { attempt: frozen, who: "g2" },
      { attempt: two, who: "g2" },
    ]);
  });
});
