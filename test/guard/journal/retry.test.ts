import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Journal } from "../../../scripts/agents/guard/journal/journal.ts";
import { startPostgres } from "../../lib/postgres.ts";
import type { TestPostgres } from "../../lib/postgres.ts";
import { brakeEntry, migratedDatabase, quiet } from "./journal-fixture.ts";

/** Pauses of the journal, milliseconds: so short that a whole course of them fits into a second. */
const retry = { first: 5, longest: 320 };

let server: TestPostgres;
let database: Awaited<ReturnType<typeof migratedDatabase>>;
let directory: string;

beforeAll(async () => {
  server = await startPostgres();
  database = await migratedDatabase(server, "retried");
  directory = mkdtempSync(join(tmpdir(), "pool-migration-retry-"));
});
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await database.close();
  await server.stop();
});

it("pauses twice as long after each failure up to the longest, and begins anew after a success", async () => {
  const gate = await gateTo(server.port);
  const journal = new Journal({
    directory,
    database: { ...database.writerSettings, port: gate.port },
    log: quiet,
    limits: { retry },
  });
  const until = (condition: () => boolean) =>
    expect.poll(condition, { timeout: 10_000, interval: 1 }).toBe(true);
  const shipped = () => until(() => journal.waiting === 0);

  journal.append(brakeEntry("a"));
  await until(() => gate.refusals.length === 9);
  const pauses = gate.refusals.slice(1).map((at, index) => at - (gate.refusals[index] ?? 0));
  // A timer may be early by a fraction of a millisecond.
  const shortest = [5, 10, 20, 40, 80, 160, 320, 320].map((pause) => pause - 1);
  expect(pauses.map((pause, index) => pause >= (shortest[index] ?? 0))).toEqual(
    shortest.map(() => true),
  );
  // The next pause would be of 640.
  expect(pauses.at(-1)).toBeLessThan(600);

  gate.open();
  await shipped();
  gate.shut();
  const broken = performance.now();
  journal.append(brakeEntry("b"));
  await until(() => gate.refusals.length === 10);
  expect((gate.refusals.at(-1) ?? 0) - broken).toBeLessThan(300);

  gate.open();
  await shipped();
  await journal.close();
  gate.close();
});

/** A server that breaks off every connection while it is shut, and hands on to another server while it is open. */
async function gateTo(port: number) {
  const refusals: number[] = [];
  const passing = new Set<Socket>();
  let isOpen = false;
  const listening = createServer((socket) => {
    socket.on("error", () => undefined);
    if (!isOpen) {
      refusals.push(performance.now());
      socket.destroy();
      return;
    }
    const onward = connect(port, "127.0.0.1").on("error", () => undefined);
    passing.add(socket).add(onward);
    socket.pipe(onward).pipe(socket);
  });
  await new Promise<void>((resolve) => listening.listen(0, "127.0.0.1", resolve));
  const shut = () => {
    isOpen = false;
    for (const socket of passing) socket.destroy();
    passing.clear();
  };
  return {
    port: (listening.address() as AddressInfo).port,
    /** When a connection was broken off, milliseconds. */
    refusals,
    open: () => (isOpen = true),
    shut,
    close(): void {
      shut();
      listening.close();
    },
  };
}
