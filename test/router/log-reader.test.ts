import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parseDecisionLine } from "../../infra/rollout/decision-log.ts";
import type { LogCursor } from "../../scripts/agents/router/log-reader.ts";
import { LogReader } from "../../scripts/agents/router/log-reader.ts";
import { EnvoyAdmin } from "../../scripts/agents/router/envoy-admin.ts";
import { sendAll } from "./support/pipelined-client.ts";
import { waitUntil } from "./support/wait-until.ts";
import { World } from "./support/world.ts";

async function readAll(reader: LogReader): Promise<void> {
  while (!(await reader.poll()));
}

describe("the reader of the decision log", () => {
  let directory: string;
  let path: string;
  let cursor: LogCursor;
  let lines: string[];
  /** Cursor and lines as they were stored last. */
  let stored: { cursor: LogCursor; lines: string[] };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "log-"));
    path = join(directory, "decisions.json");
    cursor = { inode: 0, offset: 0 };
    lines = [];
    stored = { cursor: { ...cursor }, lines: [] };
  });

  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const store = (): void => {
    stored = { cursor: { ...cursor }, lines: [...lines] };
  };

  const open = (rotateBytes = 1e9, reopen = () => Promise.resolve()): LogReader =>
    new LogReader({
      path,
      cursor,
      rotateBytes,
      reopen,
      onLine: (line) => lines.push(line),
      onFinished: store,
    });

  /** A reader that begins with what was stored, as after SIGKILL. */
  const openAfterKill = (): LogReader => {
    Object.assign(cursor, stored.cursor);
    lines.length = 0;
    lines.push(...stored.lines);
    return open();
  };

  it("waits for a log that is not there yet, and hands on whole lines alone", async () => {
    const reader = open();
    await readAll(reader);
    writeFileSync(path, "one\ntw");
    await readAll(reader);
    expect(lines).toEqual(["one"]);
    expect(cursor.offset).toBe(4);
    appendFileSync(path, "o\nthree\n");
    await readAll(reader);
    expect(lines).toEqual(["one", "two", "three"]);
  });

  it("goes on after a restart where the stored cursor is, with nothing twice", async () => {
    writeFileSync(path, "one\ntwo\nthr");
    await readAll(open());
    store();
    appendFileSync(path, "ee\nfour\n");
    await readAll(openAfterKill());
    expect(lines).toEqual(["one", "two", "three", "four"]);
  });

  it("reads a renamed log to its end before it begins the new one, and then deletes it", async () => {
    writeFileSync(path, "one, and long\n");
    const reader = open(10, () => {
      // The writer's last lines into the old file, and its first into the new one.
      appendFileSync(`${path}.rotated`, "two\n");
      writeFileSync(path, "three\n");
      return Promise.resolve();
    });
    await readAll(reader);
    expect(await readdir(directory)).toEqual(["decisions.json", "decisions.json.rotated"]);
    await readAll(reader);
    expect(lines).toEqual(["one, and long", "two", "three"]);
    expect(await readdir(directory)).toEqual(["decisions.json"]);
  });

  it.each(["before", "after"])(
    "loses nothing when it is killed %s it stored that the renamed log is done",
    async (moment) => {
      writeFileSync(path, "one\n");
      const reader = open();
      await readAll(reader);
      store();
      renameSync(path, `${path}.rotated`);
      appendFileSync(`${path}.rotated`, "two\n");
      writeFileSync(path, "three\n");
      if (moment === "after") {
        await readAll(reader);
        // As if the deletion had not happened.
        writeFileSync(`${path}.rotated`, "one\ntwo\n");
      }
      await readAll(openAfterKill());
      expect(lines).toEqual(["one", "two", "three"]);
      expect(await readdir(directory)).toEqual(["decisions.json"]);
    },
  );

  it("hands on an unreadable line for one that is longer than its buffer", async () => {
    writeFileSync(path, `one\n${"x".repeat(3_000_000)}\ntwo\n`);
    await readAll(open());
    expect(lines).toEqual(["one", "", "two"]);
  });

  it("keeps characters whole that lie across two reads", async () => {
    const text = "ü".repeat(1_000);
    writeFileSync(path, `${`${text}\n`.repeat(2_000)}`);
    await readAll(open());
    expect(lines).toHaveLength(2_000);
    expect(lines.every((line) => line === text)).toBe(true);
  });
});

describe("rotation of a real Envoy's decision log", () => {
  let world: World;

  beforeEach(async () => {
    world = await World.create();
  });

  afterEach(() => world.destroy());

  it(
    "loses no line: as many as Envoy counted, each request once",
    { timeout: 120_000 },
    async () => {
      await world.useQuickPools();
      await world.startEnvoy(25);
      const admin = new EnvoyAdmin(world.settings.ports.admin);
      const requestIds = new Set<string>();
      let read = 0;
      let rotations = 0;
      const reader = new LogReader({
        path: world.files.decisionLog,
        cursor: { inode: 0, offset: 0 },
        rotateBytes: 500_000,
        reopen: () => admin.reopenLogs(),
        onLine: (line) => {
          read += 1;
          requestIds.add(parseDecisionLine(line)?.requestId ?? "unreadable");
        },
        onFinished: () => (rotations += 1),
      });
      const total = 12_000;
      const requests = Array.from({ length: total }, (_, index) => [
        ["x-request-id", `request-${index}`] as const,
      ]);
      let finished = false;
      const load = sendAll(world.settings.ports.listener, requests).finally(
        () => (finished = true),
      );
      while (!finished) {
        await reader.poll();
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      await load;
      await waitUntil("all lines", async () => {
        await readAll(reader);
        return read >= total;
      });
      reader.close();
      expect((await admin.view())?.completed).toBe(total);
      admin.close();
      expect(read).toBe(total);
      expect(requestIds.size).toBe(total);
      expect(rotations).toBeGreaterThan(4);
    },
  );
});
