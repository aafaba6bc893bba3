import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LogTail } from "../../scripts/rehearsal/log-tail.ts";

describe("reading a log that others rotate", () => {
  let directory: string;
  let path: string;
  let tail: LogTail;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "pool-migration-tail-"));
    path = join(directory, "log.json");
    tail = new LogTail(directory, "log.json");
  });

  afterEach(() => {
    tail.close();
    rmSync(directory, { recursive: true });
  });

  it("waits for the file and for the end of each line", () => {
    expect(tail.read()).toEqual([]);
    writeFileSync(path, "one\ntw");
    expect(tail.read()).toEqual(["one"]);
    appendFileSync(path, "o é");
    expect(tail.read()).toEqual([]);
    appendFileSync(path, "\nthree\n");
    expect(tail.read()).toEqual(["two é", "three"]);
  });

  it("puts a character together that was written in two parts", () => {
    const [first = 0, second = 0] = Buffer.from("é");
    writeFileSync(path, Buffer.from([first]));
    expect(tail.read()).toEqual([]);
    appendFileSync(path, Buffer.from([second, 10]));
    expect(tail.read()).toEqual(["é"]);
  });

  it("loses no line to a rename with late writes, nor to a deletion", () => {
    writeFileSync(path, "1\n");
    expect(tail.read()).toEqual(["1"]);
    const rotated = `${path}.rotated`;
    renameSync(path, rotated);
    appendFileSync(rotated, "2\n");
    expect(tail.read()).toEqual(["2"]);
    appendFileSync(rotated, "3\n");
    writeFileSync(path, "4\n");
    rmSync(rotated);
    expect(tail.read().sort()).toEqual(["3", "4"]);
    for (let read = 0; read < 40; read++) tail.read();
    appendFileSync(path, "5\n");
    expect(tail.read()).toEqual(["5"]);
  });
});
