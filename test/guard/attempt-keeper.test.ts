import { pino } from "pino";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { beginAttempt } from "../../infra/rollout/evidence/attempt.ts";
import { AttemptKeeper } from "../../scripts/agents/guard/attempt-keeper.ts";

type Options = ConstructorParameters<typeof AttemptKeeper>[0];

const now = Date.UTC(2026, 0, 1);
const attempt = beginAttempt({ at: now - 60_000, why: "", build: "", slowMilliseconds: null });
const row = { at: now - 1000, counts: {}, complete: true, stage: { name: "p10" } };

let held: object | undefined;
let asked: number;
let begun: unknown[];
let keeper: AttemptKeeper;

beforeEach(() => {
  vi.useFakeTimers({ now });
  [held, asked, begun] = [undefined, 0, []];
  const restore = () => {
    asked += 1;
    return Promise.resolve(held);
  };
  const options = {
    collector: {
      begin: (_attempt: unknown, known?: unknown) => begun.push(known),
      union: { complete: true },
    },
    judge: {},
    stages: { forgetV2: () => undefined, resume: () => undefined },
    journal: { enabled: true, restore },
    snapshots: { read: () => undefined },
    log: pino({ level: "silent" }),
  };
  keeper = new AttemptKeeper(options as unknown as Options);
});

afterEach(() => vi.useRealTimers());

/** Lets a guard try once a second, as it does. */
async function seconds(count: number): Promise<void> {
  for (let second = 0; second < count; second += 1) {
    await keeper.restore();
    vi.advanceTimersByTime(1000);
  }
}

it("reads an attempt back again until the journal holds it, ever less often, and then no more", async () => {
  keeper.follow(attempt);
  await seconds(1);
  expect(asked).toBe(1);
  await seconds(5);
  expect(asked).toBe(2);
  await seconds(600);
  expect(asked).toBeLessThan(10);
  held = { row, cursors: { router: 3 }, sessions: [] };
  await seconds(300);
  expect(begun.at(-1)).toMatchObject({ complete: true, cursors: { router: 3 } });
  const before = asked;
  await seconds(600);
  expect(asked).toBe(before);
});

it("asks for another attempt at once, however long it has waited before", async () => {
  keeper.follow(attempt);
  await seconds(600);
  const before = asked;
  keeper.follow(beginAttempt({ ...attempt, at: now - 30_000, before: attempt }));
  await seconds(6);
  expect(asked).toBe(before + 2);
});
