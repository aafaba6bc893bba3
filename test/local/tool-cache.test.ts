import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { cachedDirectory, withLock } from "../../scripts/local/tools/tool-cache.ts";

let cache: string;

beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), "tool-cache-test-"));
  vi.stubEnv("XDG_CACHE_HOME", cache);
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(cache, { recursive: true });
});

const kind = (): string => join(cache, "pool-migration", "tools");

describe("a cached directory", () => {
  it("is produced once, also when asked for at the same time", async () => {
    let produced = 0;
    const produce = async (staging: string): Promise<void> => {
      produced += 1;
      await new Promise((resolve) => setImmediate(resolve));
      writeFileSync(join(staging, "tool"), "x");
    };
    const waiting = vi.fn();
    const paths = await Promise.all(
      [1, 2, 3].map(() => cachedDirectory("tools", "tool-1", produce, waiting)),
    );
    expect(new Set(paths)).toEqual(new Set([join(kind(), "tool-1")]));
    expect(produced).toBe(1);
    expect(waiting).toHaveBeenCalledTimes(2);
    expect(readdirSync(join(kind(), "tool-1"))).toEqual(["tool"]);
  });

  it("does not exist after a failure, and the next attempt makes it", async () => {
    const fail = (staging: string): Promise<void> => {
      writeFileSync(join(staging, "half"), "");
      return Promise.reject(new Error("no"));
    };
    await expect(cachedDirectory("tools", "tool-1", fail)).rejects.toThrow("no");
    expect(readdirSync(kind())).toEqual([]);
    await cachedDirectory("tools", "tool-1", () => Promise.resolve());
    expect(readdirSync(kind())).toEqual(["tool-1"]);
  });

  it("rids the cache of what a killed run left, but not of another tool's", async () => {
    mkdirSync(join(kind(), "tool-1.staging-abcdef"), { recursive: true });
    mkdirSync(join(kind(), "tool-10.staging-abcdef"));
    await cachedDirectory("tools", "tool-1", () => Promise.resolve());
    expect(readdirSync(kind())).toEqual(["tool-1", "tool-10.staging-abcdef"]);
  });
});

describe("a lock", () => {
  it("held by a process that is killed is free at once", async () => {
    const lock = `killed-holder-test-${process.pid}`; // another run of this test has its own
    const module = join(import.meta.dirname, "../../scripts/local/tools/tool-cache.ts");
    const program = `
      import { withLock } from ${JSON.stringify(module)};
      await withLock(${JSON.stringify(lock)}, () => new Promise(() => {
        process.stdout.write("held");
        setInterval(() => {}, 1000);
      }));`;
    const holder = spawn(process.execPath, ["--input-type=module", "--eval", program]);
    let errors = "";
    holder.stderr.on("data", (data: Buffer) => (errors += data.toString()));
    await new Promise<void>((resolve, reject) => {
      holder.stdout.once("data", () => resolve());
      holder.once("close", (code) => reject(new Error(`ended with code ${code}: ${errors}`)));
    });
    const waiting = vi.fn();
    const entered = withLock(lock, () => Promise.resolve("entered"), waiting);
    await vi.waitFor(() => expect(waiting).toHaveBeenCalled());
    holder.kill("SIGKILL");
    expect(await entered).toBe("entered");
  });

  it("is released when its action fails", async () => {
    await expect(
      withLock(`failing-test-${process.pid}`, () => Promise.reject(new Error("no"))),
    ).rejects.toThrow();
    const waiting = vi.fn();
    await withLock(`failing-test-${process.pid}`, () => Promise.resolve(), waiting);
    expect(waiting).not.toHaveBeenCalled();
  });
});
