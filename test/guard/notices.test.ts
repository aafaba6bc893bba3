import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Finding } from "../../infra/rollout/evidence/findings.ts";
import type { Verdict } from "../../infra/rollout/evidence/evaluate.ts";
import { Notices, type Notice } from "../../scripts/agents/guard/notices.ts";

const times = { repeatSeconds: 300, missingDataSeconds: 60 };
const begin = Date.UTC(2026, 0, 1);

let sent: Notice[];
let refuse: boolean;
let notices: Notices;

beforeEach(() => {
  vi.useFakeTimers();
  [sent, refuse] = [[], false];
  const channel = (notice: Notice) => {
    if (refuse) return Promise.reject(new Error("nobody listens"));
    sent.push(notice);
    return Promise.resolve();
  };
  notices = new Notices(channel, times, pino({ level: "silent" }));
});

afterEach(() => {
  notices.stop();
  vi.useRealTimers();
});

const paging: Finding = {
  ...{ code: "evidence-cumulative", sli: "failed", action: "rollback", basis: "bound" },
  ...{ page: true, text: "V2 sessions fail more often" },
};
const missing: Finding = {
  ...{ code: "router-missing", action: "unknown", basis: "data", page: true },
  text: "one router does not answer",
};

/** An evaluation so many seconds after the first found these. */
async function found(seconds: number, ...findings: readonly Finding[]): Promise<void> {
  notices.consider({ at: begin + seconds * 1000, findings } as unknown as Verdict);
  await vi.advanceTimersByTimeAsync(0);
}

describe("an alert", () => {
  it("is told once in 300 s, and again after them", async () => {
    for (const seconds of [0, 1, 299]) await found(seconds, paging);
    expect(sent).toEqual([
      { reason: "EvidenceCumulative", type: "Warning", message: paging.text, at: begin },
    ]);
    await found(300, paging);
    expect(sent).toHaveLength(2);
  });

  it("is another one for another indicator", async () => {
    await found(0, paging, { ...paging, sli: "wrong" });
    expect(sent).toHaveLength(2);
  });

  it("is none where people need not be told", async () => {
    await found(0, { ...paging, page: false, action: "hold" });
    expect(sent).toEqual([]);
  });

  it("of missing data is told once they have been missing for 60 s without a break", async () => {
    await found(0, missing);
    await found(59, missing);
    await found(60);
    await found(61, missing);
    await found(120, missing);
    expect(sent).toEqual([]);
    await found(121, missing);
    expect(sent.map(({ message }) => message)).toEqual([missing.text]);
  });
});

describe("a notice that cannot be handed on", () => {
  it("is tried again until it can, and those after it keep their order", async () => {
    refuse = true;
    await found(0, paging);
    await found(1, { ...paging, sli: "wrong", text: "V2 breaks programs" });
    await vi.advanceTimersByTimeAsync(10_000);
    expect(sent).toEqual([]);
    expect(notices.waiting).toBe(2);
    refuse = false;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(sent.map(({ message }) => message)).toEqual([paging.text, "V2 breaks programs"]);
    expect(notices.waiting).toBe(0);
  });

  it("does not pile up: of too many the oldest are dropped", async () => {
    refuse = true;
    for (let number = 0; number < 250; number += 1) {
      notices.tell({ reason: "Many", type: "Normal", message: `${number}`, at: begin });
    }
    expect(notices.waiting).toBe(200);
    refuse = false;
    await vi.advanceTimersByTimeAsync(2_000);
    expect(sent).toHaveLength(200);
    expect(sent.at(-1)?.message).toBe("249");
  });
});
