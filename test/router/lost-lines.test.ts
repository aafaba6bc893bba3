import { beforeEach, describe, expect, it } from "vitest";
import { emptyState } from "../../scripts/agents/router/agent-state.ts";
import type { LossState } from "../../scripts/agents/router/agent-state.ts";
import { LostLines } from "../../scripts/agents/router/lost-lines.ts";

/** Begin of the Envoy process in these tests; all times are relative to it. */
const start = Date.now() - 600_000;

describe("lines that never came", () => {
  let state: LossState;
  let lost: LostLines;
  let read: number;

  beforeEach(() => {
    state = emptyState().loss;
    lost = new LostLines(state);
    read = 0;
  });

  const lines = (count: number, end: number): void => {
    for (let index = 0; index < count; index += 1) lost.line(start + end);
    read += count;
  };
  const sample = (completed: number, time: number, processStart = start): void =>
    lost.sample({ start: processStart, time: start + time, completed }, read);
  const settle = (completed: number, time: number, unwrittenBytes = 0): void =>
    lost.settle({ completed, unwrittenBytes, time: start + time }, read);

  /** The clock of the tests stands still, so that no sample is judged for its age. */
  const judged = (completed: number, time: number): number => {
    sample(completed, time);
    settle(completed, time);
    settle(completed, time + 100);
    return lost.total;
  };

  it("are none while all came", () => {
    lines(10, 500);
    expect(judged(10, 1_000)).toBe(0);
  });

  it("are counted once traffic rests and Envoy has nothing left to write", () => {
    lines(7, 500);
    expect(judged(10, 1_000)).toBe(3);
  });

  it("are not those that Envoy has still to write", () => {
    const now = Date.now() - start;
    lines(7, now - 500);
    sample(10, now);
    settle(10, now + 100, 900);
    expect(lost.total).toBe(0);
    lines(3, now - 100);
    settle(10, now + 200);
    expect(lost.total).toBe(0);
  });

  it("are found under load too: later lines do not make up for them", () => {
    const now = Date.now() - start;
    lines(90, now - 100);
    sample(100, now);
    lines(500, now + 1_500);
    settle(700, now + 1_600, 5_000);
    expect(lost.total).toBe(10);
  });

  it("are counted when they do not come for half a minute", () => {
    lines(90, 500);
    sample(100, 1_000);
    settle(150, 1_100, 5_000);
    expect(lost.total).toBe(10);
  });

  it("are kept when Envoy starts anew and counts from 0", () => {
    lines(7, 500);
    expect(judged(10, 1_000)).toBe(3);
    lines(5, 300_500);
    sample(6, 301_000, start + 300_000);
    settle(6, 301_000);
    settle(6, 301_100);
    expect(lost.total).toBe(4);
  });

  it("are found in the last sample of an Envoy that was killed", () => {
    const now = Date.now() - start;
    lines(95, now - 2_000);
    sample(100, now - 1_000);
    settle(100, now - 1_000, 900);
    expect(lost.total).toBe(0);
    sample(0, now, start + now);
    settle(0, now);
    expect(lost.total).toBe(5);
  });

  it("are not invented when an agent goes on with stored counts", () => {
    lines(10, 500);
    judged(10, 1_000);
    lost = new LostLines(state);
    lines(5, 2_000);
    expect(judged(15, 3_000)).toBe(0);
    expect(state.linesBefore).toBe(0);
  });

  it("are not invented when a young process is replaced by one that counted less", () => {
    lines(10, 500);
    judged(10, 1_000);
    lines(2, 1_500);
    sample(2, 2_000, start + 500);
    settle(2, 2_000);
    settle(2, 2_100);
    expect(lost.total).toBe(0);
  });
});
