import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { formatDuration, streamProgress } from "../../scripts/local/progress.ts";
import type { Progress } from "../../scripts/local/progress.ts";

let stateHome: string;
let output: string;
let progress: Progress;

beforeEach(() => {
  stateHome = mkdtempSync(join(tmpdir(), "progress-test-"));
  vi.stubEnv("XDG_STATE_HOME", stateHome);
  vi.useFakeTimers();
  output = "";
  const stream = new PassThrough();
  stream.on("data", (data: Buffer) => (output += data.toString()));
  progress = streamProgress(stream as unknown as NodeJS.WriteStream);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  rmSync(stateHome, { recursive: true });
});

const lasting = (milliseconds: number) => (detail: (text: string) => void) => {
  detail("half way");
  return new Promise<string>((resolve) => setTimeout(() => resolve("result"), milliseconds));
};

describe("progress off a terminal", () => {
  it("is a line per step, and one every 15 seconds of it", async () => {
    const result = progress.step("Build it", lasting(31_000));
    await vi.advanceTimersByTimeAsync(31_000);
    expect(await result).toBe("result");
    expect(output.split("\n")).toEqual([
      "  … Build it 15.0 s: half way",
      "  … Build it 30.0 s: half way",
      "  ✓ Build it (31.0 s)",
      "",
    ]);
  });

  it("tells what a step took the last time", async () => {
    const first = progress.step("Build it", lasting(70_000));
    await vi.advanceTimersByTimeAsync(70_000);
    await first;
    output = "";
    const second = progress.step("Build it", lasting(16_000));
    await vi.advanceTimersByTimeAsync(16_000);
    await second;
    expect(output).toContain("Build it 15.0 s, last time 1 min 10 s in all: half way");
  });

  it("says which step failed, and does not take its time for an estimate", async () => {
    await expect(progress.step("Fail", () => Promise.reject(new Error("no")))).rejects.toThrow(
      "no",
    );
    expect(output).toBe("  ✗ Fail (after 0.0 s)\n");
    const again = progress.step("Fail", lasting(16_000));
    await vi.advanceTimersByTimeAsync(16_000);
    await again;
    expect(output).not.toContain("last time");
  });
});

it("durations are written for people", () => {
  expect([0, 4_210, 59_900, 60_000, 119_800].map(formatDuration)).toEqual([
    "0.0 s",
    "4.2 s",
    "59.9 s",
    "1 min 0 s",
    "2 min 0 s",
  ]);
});
