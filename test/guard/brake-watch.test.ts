import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { AgentReport } from "../../infra/rollout/agent-report.ts";
import { releasePatch } from "../../infra/rollout/brake.ts";
import { BrakeWatch } from "../../scripts/agents/guard/brake-watch.ts";

const attempt = "20260101T000000Z";
const begin = Date.UTC(2026, 0, 1);
const record = { who: "guard-a", when: "2026-01-01T00:00:00Z", why: "V2 fails", source: "guard" };
const engagement = { id: "e1", ...record };
const engaged = { "engaged.e1": JSON.stringify(record) };
const released = Object.fromEntries(
  Object.entries(
    releasePatch(["e1"], { who: "a person", when: "2026-01-01T00:01:00Z", why: "fixed" }).data,
  ).filter(([, value]) => value !== null),
) as Record<string, string>;

let watch: BrakeWatch;

beforeEach(() => {
  vi.useFakeTimers();
  watch = new BrakeWatch();
});

afterEach(() => vi.useRealTimers());

/** What an agent says that holds these, as far as it matters here. */
const report = (
  engagements: AgentReport["brake"]["engagements"],
  changes: Partial<Pick<AgentReport, "appliedPercentage" | "inFlight">> = {},
): AgentReport => {
  const brake = { engaged: engagements.length > 0, engagements };
  const quiet = { appliedPercentage: 0, inFlight: { v1: 0, v2: 0 } };
  return { brake, ...quiet, ...changes } as unknown as AgentReport;
};

const told = () =>
  watch.news.map((entry) =>
    entry.kind === "brake" ? `${entry.action} ${entry.id}` : `${entry.kind} of e1`,
  );

describe("what the journal is told of the brake", () => {
  it("is told once, and all of it by a guard that leads later, released meanwhile or not", () => {
    watch.observe([report([engagement])], engaged, attempt, begin);
    expect(told()).toEqual(["engaged e1"]);
    // Another guard leads, and dies before it writes anything.
    watch.record();
    expect(told()).toEqual([]);
    watch.observe([report([])], released, attempt, begin + 1000);
    watch.record();
    watch.tellAgain();
    expect(told()).toEqual(["engaged e1", "released e1"]);
    watch.record();
    watch.observe([report([])], released, attempt, begin + 2000);
    expect(told()).toEqual([]);
  });

  it("stays news until it is recorded", () => {
    watch.observe([report([engagement])], engaged, attempt, begin);
    watch.observe([report([engagement])], engaged, attempt, begin + 1000);
    expect(told()).toEqual(["engaged e1"]);
  });

  it("is not told again of what has no name of its own, once that is over", () => {
    watch.observe([report([])], { engaged: "by hand" }, attempt, begin);
    watch.record();
    watch.tellAgain();
    expect(told()).toEqual(["engaged anonymous"]);
    watch.record();
    watch.observe([report([])], {}, attempt, begin + 1000);
    watch.tellAgain();
    expect(told()).toEqual([]);
  });

  it("tells of a rollback once every router applies 0 % and V2 works on nothing", () => {
    const working = { inFlight: { v1: 0, v2: 3 } };
    watch.observe([report([engagement], { appliedPercentage: 10 })], engaged, attempt, begin);
    watch.observe([report([engagement], working)], engaged, attempt, begin + 1000);
    watch.observe([report([engagement], working)], engaged, attempt, begin + 5000);
    expect(told()).toEqual(["engaged e1"]);
    watch.observe([report([engagement])], engaged, attempt, begin + 6000);
    expect(watch.news.at(-1)).toMatchObject({
      ...{ kind: "rollback", engagement: "e1", attempt },
      ...{ decidedAt: begin, zeroAt: begin + 1000, drainedAt: begin + 6000 },
    });
  });
});

describe("what people are told of a rollback", () => {
  const working = { inFlight: { v1: 0, v2: 3 } };

  /** Looks once a second at a V2 that works until a time, both in milliseconds after the decision. */
  function look(from: number, drainedAt: number, until: number): void {
    for (let at = from; at <= until; at += 1_000) {
      const is = report([engagement], at < drainedAt ? working : {});
      watch.observe([is], engaged, attempt, begin + at);
    }
  }

  /** Whether a guard that leads from a time on takes it for told. */
  function isTold(leadsAt: number): boolean {
    watch.tellAgain();
    const entry = watch.news.find(({ kind }) => kind === "rollback");
    if (entry?.kind !== "rollback") throw new Error("there is no rollback");
    return watch.toldBefore(entry, begin + leadsAt);
  }

  it("is news once more for a guard that leads soon after it: the one before may have died", () => {
    look(0, 5_000, 10_000);
    expect(isTold(-60_000)).toBe(false);
    expect(isTold(4_000)).toBe(false);
    expect(isTold(20_000)).toBe(false);
  });

  it("is none for a guard that leads while the brake is still on, minutes later", () => {
    look(0, 5_000, 10_000);
    expect(isTold(60_000)).toBe(true);
  });

  it("is none for a guard that begins and leads long after it was over", () => {
    look(60_000, 5_000, 70_000);
    expect(isTold(60_000)).toBe(true);
  });

  it("is news for a guard that began while V2 still worked", () => {
    look(60_000, 90_000, 100_000);
    expect(isTold(60_000)).toBe(false);
  });
});

describe("a guard's engagement", () => {
  it("belongs to its attempt, also after its release", () => {
    watch.observe([report([engagement])], engaged, attempt, begin);
    expect(watch.byGuard?.id).toBe("e1");
    watch.observe([report([])], released, attempt, begin + 1000);
    expect(watch.byGuard).toBeUndefined();
    expect(watch.engagedIn(attempt)).toBe("e1");
    expect(watch.engagedIn("20260101T000100Z")).toBeUndefined();
  });

  it("is to be carried into the ConfigMap where only agents hold it for ten seconds", () => {
    const look = () => watch.observe([report([engagement])], {}, attempt, begin);
    look();
    vi.advanceTimersByTime(9_900);
    look();
    expect(watch.uncarried).toBeUndefined();
    vi.advanceTimersByTime(100);
    look();
    expect(watch.uncarried).toEqual(engagement);
    watch.observe([report([engagement])], engaged, attempt, begin);
    expect(watch.uncarried).toBeUndefined();
  });

  it("is written where the ConfigMap has it, or has its release", () => {
    const isWritten = (data: Record<string, string> | undefined) => {
      watch.observe([report([engagement])], data, attempt, begin);
      return watch.written("e1");
    };
    expect([engaged, released, {}, undefined].map(isWritten)).toEqual([true, true, false, false]);
  });

  it("is not carried where the ConfigMap is not known, releases it, or a person made it", () => {
    const byPerson = { ...engagement, source: "cli" };
    for (const [held, data] of [
      [engagement, undefined],
      [engagement, released],
      [byPerson, {}],
    ] as const) {
      watch = new BrakeWatch();
      watch.observe([report([held])], data, attempt, begin);
      vi.advanceTimersByTime(60_000);
      watch.observe([report([held])], data, attempt, begin);
      expect(watch.uncarried).toBeUndefined();
    }
  });
});
