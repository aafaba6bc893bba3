import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type pg from "pg";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Journal } from "../../../scripts/agents/guard/journal/journal.ts";
import { startPostgres } from "../../lib/postgres.ts";
import type { TestPostgres } from "../../lib/postgres.ts";
import { brakeEntry, chainOf, migratedDatabase, quiet } from "./journal-fixture.ts";

type Options = ConstructorParameters<typeof Journal>[0];

let server: TestPostgres;
let database: Awaited<ReturnType<typeof migratedDatabase>>;
let reader: pg.Client;
let directory: string;
const open: Journal[] = [];

beforeAll(async () => {
  server = await startPostgres();
  database = await migratedDatabase(server, "journal");
  reader = await database.connect("reader");
});
afterAll(async () => {
  await database.close();
  await server.stop();
});
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "pool-migration-journal-"));
  const owner = await database.connect("owner");
  await owner.query("TRUNCATE brake_events, verdicts");
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((journal) => journal.close()));
  rmSync(directory, { recursive: true });
});

function make(changes: Partial<Options> = {}): Journal {
  const retry = { first: 10, longest: 40 };
  const journal = new Journal({
    directory: join(directory, "journal"),
    database: database.writerSettings,
    log: quiet,
    ...changes,
    limits: { retry, ...changes.limits },
  });
  open.push(journal);
  return journal;
}

async function ids(): Promise<string[]> {
  const { rows } = await reader.query<{ id: string }>(
    "SELECT engagement_id AS id FROM brake_events ORDER BY brake_events.id",
  );
  return rows.map(({ id }) => id);
}

const until = (what: string, condition: () => boolean) =>
  expect.poll(condition, { timeout: 10_000, interval: 5, message: what }).toBe(true);
const shipped = (journal: Journal) =>
  until("everything to be shipped", () => journal.waiting === 0);

describe("a journal", () => {
  it("ships in order, in batches, and tells how far it is", async () => {
    const journal = make({ limits: { batch: { entries: 7, bytes: 1_000_000 } } });
    const names = Array.from({ length: 30 }, (_, index) => `a-${String(index)}`);
    for (const name of names) journal.append(brakeEntry(name));
    expect(journal).toMatchObject({ enabled: true, waiting: 30, writtenAt: null, problem: null });
    const before = Date.now();
    await shipped(journal);
    expect(await ids()).toEqual(names);
    expect(journal.writtenAt).toBeGreaterThanOrEqual(before);
    const { rows } = await reader.query<{ transactions: string }>(
      "SELECT count(DISTINCT created_at) AS transactions FROM brake_events",
    );
    expect(rows).toEqual([{ transactions: "5" }]);
  });

  it("ships what an earlier process left", async () => {
    const silent = await silentServer();
    const limits = { closeMilliseconds: 1 };
    const before = make({ database: { ...database.writerSettings, port: silent.port }, limits });
    before.append(brakeEntry("a"));
    await silent.connected;
    await before.close();
    await silent.close();
    const journal = make();
    expect(journal.waiting).toBe(1);
    journal.append(brakeEntry("b"));
    await shipped(journal);
    expect(await ids()).toEqual(["a", "b"]);
  });

  it("waits for a database that is away, and for one that breaks off, without losing an entry", async () => {
    const journal = make();
    journal.append(brakeEntry("a"));
    await shipped(journal);
    await reader.end();
    await server.pause();
    journal.append(brakeEntry("b"));
    await until("the problem to be seen", () => journal.problem !== null);
    expect(journal.problem).toMatch(
      /^the database takes no entries: (Connection terminated|connect|Client)/,
    );
    await until("another attempt", () => journal.problem?.includes("ECONNREFUSED") ?? false);
    journal.append(brakeEntry("c"));
    expect(journal.waiting).toBe(2);
    await server.resume();
    await shipped(journal);
    expect(journal.problem).toBeNull();
    reader = await database.connect("reader");
    expect(await ids()).toEqual(["a", "b", "c"]);
  });

  it("goes on after an entry that the database refuses, and says so", async () => {
    const lines: string[] = [];
    const log = pino({ base: null }, { write: (line: string) => lines.push(line) });
    const journal = make({ log });
    for (const entry of [brakeEntry("a"), brakeEntry("b", " "), brakeEntry("c")]) {
      journal.append(entry);
    }
    await shipped(journal);
    expect(await ids()).toEqual(["a", "c"]);
    const violated =
      'new row for relation "brake_events" violates check constraint "brake_events_why_check"';
    expect(journal.problem).toBe(`entries that the journal lacks: 1, the last: brake: ${violated}`);
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { level: 50, kind: "brake", error: violated, msg: "the database refuses an entry for good" },
    ]);
  });

  it("keeps no more than its bound, says what is missing, and logs that once", () => {
    const lines: string[] = [];
    const log = pino({ base: null }, { write: (line: string) => lines.push(line) });
    const journal = make({ log, limits: { spoolBytes: 300 } });
    for (const id of ["a", "b", "c", "d"]) journal.append(brakeEntry(id));
    expect(journal.waiting).toBe(2);
    expect(journal.problem).toMatch(
      /^entries that the journal lacks: 2, the last: brake: .* of at most 300; /,
    );
    expect(lines).toHaveLength(1);
  });

  it("works without a place for its spool, as far as it can", () => {
    writeFileSync(join(directory, "journal"), "");
    const journal = make();
    journal.append(brakeEntry("a"));
    expect(journal).toMatchObject({ enabled: true, waiting: 0 });
    expect(journal.problem).toMatch(
      /^entries that the journal lacks: 1, the last: brake: there is no spool$/,
    );
  });

  it("is off where the stack has no database", async () => {
    const journal = make({ database: undefined });
    journal.append(brakeEntry("a"));
    expect(journal).toMatchObject({ enabled: false, waiting: 0, writtenAt: null, problem: null });
    expect(await journal.restore("20260101T000000Z")).toBeUndefined();
  });
});

describe("closing a journal", () => {
  it("ships what it has", async () => {
    const journal = make();
    for (let index = 0; index < 300; index += 1) journal.append(brakeEntry(`a-${String(index)}`));
    await journal.close();
    expect(await ids()).toHaveLength(300);
  });

  it("ends in time where a server accepts connections and never answers", async () => {
    const silent = await silentServer();
    const journal = make({
      database: { ...database.writerSettings, port: silent.port },
      limits: { closeMilliseconds: 50 },
    });
    journal.append(brakeEntry("a"));
    await silent.connected;
    const begun = performance.now();
    await journal.close();
    expect(performance.now() - begun).toBeLessThan(1000);
    await silent.close();
  });

  it("breaks off a statement that waits, and leaves the entry for the next process", async () => {
    const owner = await database.connect("owner");
    await owner.query("BEGIN; LOCK TABLE brake_events");
    const journal = make({ limits: { closeMilliseconds: 50 } });
    journal.append(brakeEntry("a"));
    const waits = "SELECT FROM pg_locks WHERE NOT granted";
    await expect.poll(async () => (await owner.query(waits)).rowCount, { interval: 5 }).toBe(1);
    const begun = performance.now();
    await journal.close();
    expect(performance.now() - begun).toBeLessThan(1000);
    await owner.query("ROLLBACK");
    const next = make();
    await shipped(next);
    expect(await ids()).toEqual(["a"]);
  });
});

it("writes only as the writer may", async () => {
  const journal = make({ database: { ...database.settings, user: "journal_reader_login" } });
  const [entry] = chainOf({ writer: "a", verdicts: 1 });
  if (entry === undefined) throw new Error("a chain has one");
  journal.append(entry);
  await until("the refusal", () => journal.problem !== null);
  expect(journal.problem).toMatch(/permission denied for table verdicts/);
  expect(journal.waiting).toBe(1);
});

/** A server that accepts one connection and says nothing. */
async function silentServer() {
  const listening = createServer((socket) => socket.on("error", () => undefined));
  const connected = once(listening, "connection").then(([socket]) => socket as Socket);
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const { port } = listening.address() as AddressInfo;
  return {
    port,
    connected,
    async close(): Promise<void> {
      (await connected).destroy();
      listening.close();
    },
  };
}
