import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { JournalEntry } from "../../../infra/rollout/journal-entry.ts";
import { Spool } from "../../../scripts/agents/guard/journal/spool.ts";
import { brakeEntry } from "./journal-fixture.ts";

const large = 1024 * 1024;
const all = { entries: 1000, bytes: large };
let directory: string;
let spool: Spool;

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), "pool-migration-spool-")), "made");
  spool = new Spool(directory, large);
});
afterEach(() => {
  spool.close();
  rmSync(join(directory, ".."), { recursive: true });
});

/** As after a kill: nothing is told to the spool before another one opens its files. */
function reopen(bound = large): void {
  spool.close();
  spool = new Spool(directory, bound);
}

const file = () => join(directory, "entries");
const append = (...ids: string[]) => ids.forEach((id) => spool.append(brakeEntry(id)));
const ids = (entries: readonly JournalEntry[]) =>
  entries.map((entry) => (entry.kind === "brake" ? entry.id : entry.kind));
const takeIds = (limits = all) => ids(spool.take(limits));

describe("the spool", () => {
  it("hands entries on in order and whole, and is empty then", () => {
    const entry = brakeEntry("a", "line\nbreak, ü and \u0000");
    spool.append(entry);
    append("b", "c");
    expect(spool.waiting).toBe(3);
    expect(spool.take({ entries: 1, bytes: large })).toEqual([entry]);
    spool.handOn();
    expect(spool.waiting).toBe(2);
    expect(takeIds()).toEqual(["b", "c"]);
    expect(takeIds()).toEqual(["b", "c"]);
    spool.handOn();
    expect([spool.waiting, takeIds(), statSync(file()).size]).toEqual([0, [], 0]);
    append("d");
    expect(takeIds()).toEqual(["d"]);
  });

  it("takes as many bytes as it may, and one entry however large it is", () => {
    append("a", "b", "c");
    const { size } = statSync(file());
    expect(takeIds({ entries: 1000, bytes: size / 2 })).toEqual(["a", "b"]);
    spool.handOn();
    spool.append(brakeEntry("huge", "x".repeat(700_000)));
    expect(takeIds({ entries: 1000, bytes: 1 })).toEqual(["c"]);
    spool.handOn();
    expect(takeIds({ entries: 1000, bytes: 1 })).toEqual(["huge"]);
  });

  it("survives the process with its place, and what was not handed on comes again", () => {
    append("a", "b", "c");
    spool.take({ entries: 1, bytes: large });
    spool.handOn();
    expect(takeIds({ entries: 1, bytes: large })).toEqual(["b"]);
    reopen();
    expect([spool.waiting, takeIds()]).toEqual([2, ["b", "c"]]);
    append("d");
    reopen();
    expect(takeIds()).toEqual(["b", "c", "d"]);
    spool.handOn();
    append("e");
    reopen();
    expect([spool.waiting, takeIds()]).toEqual([1, ["e"]]);
  });

  it("drops a last line that a kill cut off, at every place", () => {
    append("a");
    const whole = readFileSync(file());
    for (let length = 1; length < whole.length; length += 7) {
      appendFileSync(file(), whole.subarray(0, length));
      reopen();
      expect([spool.waiting, takeIds()]).toEqual([1, ["a"]]);
      expect(statSync(file()).size).toBe(whole.length);
    }
    append("b");
    expect(takeIds()).toEqual(["a", "b"]);
  });

  it("leaves out a line that is no entry, and goes on", () => {
    append("a");
    appendFileSync(file(), "17 {broken\n");
    reopen();
    append("b");
    expect(takeIds()).toEqual(["a", "b"]);
    spool.handOn();
    expect(spool.waiting).toBe(0);
  });

  it("refuses at its bound, says so, and takes entries again when they were handed on", () => {
    append("a");
    reopen(statSync(file()).size + 10);
    expect(() => append("b")).toThrow(
      /entries has \d+ bytes of at most \d+; nothing is added before the database has taken them$/,
    );
    expect([spool.waiting, takeIds()]).toEqual([1, ["a"]]);
    spool.handOn();
    append("b");
    expect(takeIds()).toEqual(["b"]);
  });

  it("leaves no part of an entry behind that the disk had no room for", () => {
    const url = new URL("../../../scripts/agents/guard/journal/spool.ts", import.meta.url).href;
    const program = `
      import { Spool } from ${JSON.stringify(url)};
      const spool = new Spool(${JSON.stringify(directory)}, ${String(large)});
      const append = (why) => spool.append({ kind: "brake", id: "a", why });
      let failure;
      while (failure === undefined) try { append("x".repeat(500)) } catch ({ code }) { failure = code }
      append("small");
      const lengths = spool.take({ entries: 9, bytes: 9999 }).map(({ why }) => why.length);
      console.log(JSON.stringify([failure, lengths]));`;
    // No file of this process may have more than 2 KiB: what exceeds that is written in part.
    const limited = 'ulimit -f 4; exec "$0" --input-type=module --eval "$1"';
    const output = execFileSync("sh", ["-c", limited, process.execPath, program], {
      encoding: "utf8",
      env: {},
      stdio: ["ignore", "pipe", "ignore"],
    });
    expect(JSON.parse(output)).toEqual(["EFBIG", [500, 500, 500, 5]]);
  });
});
