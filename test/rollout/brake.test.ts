import { describe, expect, it } from "vitest";

import {
  engagePatch,
  newEngagementId,
  observeBrake,
  releasePatch,
} from "../../infra/rollout/brake.ts";
import type { BrakeObservation, Engagement } from "../../infra/rollout/brake.ts";

const record = { who: "ann", when: "2026-11-23T10:15:00Z", why: "errors on V2", source: "cli" };
const json = JSON.stringify(record);
const held = (...ids: string[]): Engagement[] => ids.map((id) => ({ id, ...record }));
const present = (data?: Record<string, string>): BrakeObservation => ({ kind: "present", data });
const absent: BrakeObservation = { kind: "absent" };
const unknown: BrakeObservation = { kind: "unknown" };

describe("observeBrake", () => {
  it.each<[string, Engagement[], BrakeObservation, string[]]>([
    // Nothing held.
    ["nothing held, no data: released", [], present(), []],
    ["nothing held, empty data: released", [], present({}), []],
    ["nothing held, no answer: stays released", [], unknown, []],
    ["nothing held, 404 of a live server: engaged", [], absent, ["absent"]],
    ["engages", [], present({ "engaged.a": json }), ["a"]],
    ["engages twice", [], present({ "engaged.b": json, "engaged.a": json }), ["a", "b"]],
    ["engages with unreadable JSON", [], present({ "engaged.a": "{" }), ["a"]],
    ["engages with an empty value", [], present({ "engaged.a": "" }), ["a"]],
    ["engages under the bare key", [], present({ engaged: "why" }), ["anonymous"]],
    ["engages under the bare key, empty", [], present({ engaged: "" }), ["anonymous"]],
    [
      "engages under the bare key, even with false",
      [],
      present({ engaged: "false" }),
      ["anonymous"],
    ],
    ["ignores other keys", [], present({ note: "x", engagedx: "y", Engaged: "z" }), []],
    [
      "released beside engaged: released",
      [],
      present({ "engaged.a": json, "released.a": json }),
      [],
    ],
    ["a release alone does nothing", [], present({ "released.a": json }), []],
    [
      "one of two released",
      [],
      present({ "engaged.a": json, "engaged.b": json, "released.a": "" }),
      ["b"],
    ],
    // Held.
    ["held, no data: held", held("a"), present(), ["a"]],
    ["held, object made anew: held", held("a"), present({}), ["a"]],
    ["held, no answer: held", held("a"), unknown, ["a"]],
    ["held, 404: both", held("a"), absent, ["a", "absent"]],
    ["held, its key removed by hand: held", held("a"), present({ "engaged.b": json }), ["a", "b"]],
    ["held, another released: held", held("a"), present({ "released.b": json }), ["a"]],
    ["held, released: released", held("a"), present({ "released.a": json }), []],
    ["held, released with any value: released", held("a"), present({ "released.a": "" }), []],
    [
      "held, released beside engaged: released",
      held("a"),
      present({ "engaged.a": json, "released.a": json }),
      [],
    ],
    ["two held, one released", held("a", "b"), present({ "released.b": json }), ["a"]],
    [
      "a release of a longer id does not count",
      held("a"),
      present({ "released.a.b": json }),
      ["a"],
    ],
    // Anonymous.
    ["anonymous, key removed by hand: held", held("anonymous"), present({}), ["anonymous"]],
    [
      "anonymous, released but the key is still there: held",
      held("anonymous"),
      present({ engaged: "x", "released.anonymous": json }),
      ["anonymous"],
    ],
    [
      "anonymous, released and the key gone: released",
      held("anonymous"),
      present({ "released.anonymous": json }),
      [],
    ],
    [
      "the same break-glass patch engages again after a release",
      [],
      present({ engaged: "x", "released.anonymous": json }),
      ["anonymous"],
    ],
    // Absent.
    ["absent, object back: held", held("absent"), present({}), ["absent"]],
    ["absent, released: released", held("absent"), present({ "released.absent": json }), []],
    ["absent again after a release: engaged", [], absent, ["absent"]],
  ])("%s", (_, before, observation, after) => {
    expect(observeBrake(before, observation).map(({ id }) => id)).toEqual(after);
  });

  it("tells who, when, why and by what", () => {
    expect(observeBrake([], present({ "engaged.a": json }))).toEqual([{ id: "a", ...record }]);
  });

  it.each<[string, Record<string, string>, object]>([
    [
      "unreadable JSON",
      { "engaged.a": "{" },
      { id: "a", who: "unknown", when: "", why: "unknown" },
    ],
    [
      "JSON that is no record",
      { "engaged.a": "7" },
      { id: "a", who: "unknown", when: "", why: "unknown" },
    ],
    [
      "fields of wrong types",
      { "engaged.a": '{"who":1,"why":"x"}' },
      { id: "a", who: "unknown", when: "", why: "x" },
    ],
    [
      "a reason written by hand",
      { engaged: "errors" },
      { id: "anonymous", who: "unknown", when: "", why: "errors" },
    ],
    ["no reason", { engaged: " " }, { id: "anonymous", who: "unknown", when: "", why: "unknown" }],
    ["a record written by hand", { engaged: json }, { id: "anonymous", ...record }],
  ])("fills in what it cannot read: %s", (_, data, engagement) => {
    expect(observeBrake([], present(data))).toEqual([engagement]);
  });

  it("keeps a known record when the object's can no longer be read", () => {
    expect(observeBrake(held("a"), present({ "engaged.a": "{" }))).toEqual(held("a"));
  });

  it("says why a missing object engages", () => {
    expect(observeBrake([], absent)).toEqual([
      { id: "absent", who: "kubernetes", when: "", why: "the ConfigMap brake does not exist" },
    ]);
  });
});

describe("patches", () => {
  it("engage by one key", () => {
    expect(engagePatch("a", record)).toEqual({ data: { "engaged.a": json } });
  });

  it("release by name, and remove what they release", () => {
    expect(releasePatch(["a", "anonymous"], record)).toEqual({
      data: {
        "engaged.a": null,
        "released.a": JSON.stringify({ who: record.who, when: record.when, why: record.why }),
        engaged: null,
        "engaged.anonymous": null,
        "released.anonymous": expect.any(String) as string,
      },
    });
  });

  it("release nothing without naming it", () => {
    expect(() => releasePatch([], record)).toThrow(/at least one/);
  });

  it.each(["", ".a", "-a", "a b", "a/b", "é", "x".repeat(101)])("engage under no id %j", (id) => {
    expect(() => engagePatch(id, record)).toThrow(/not the id of an engagement/);
  });

  it.each(["a b", "a/b", "é", "x".repeat(245)])("release no id %j, which no key can have", (id) => {
    expect(() => releasePatch([id], record)).toThrow(/not the id of an engagement/);
  });

  it.each(["", ".a", "-a", "x".repeat(244)])("release the hand-written id %j", (id) => {
    const before = observeBrake([], present({ [`engaged.${id}`]: json }));
    expect(before).toEqual([{ id, ...record }]);
    const { data } = releasePatch([id], record);
    const released = String(data[`released.${id}`]);
    expect(observeBrake(before, present({ [`released.${id}`]: released }))).toEqual([]);
  });
});

describe("newEngagementId", () => {
  const now = new Date("2026-11-23T09:05:07.123Z");

  it.each([
    [0, "20261123T090507Z-000000"],
    [0.5, "20261123T090507Z-800000"],
    [1 - 2 ** -53, "20261123T090507Z-ffffff"],
  ])("is the time and six hexadecimal digits (%d)", (random, id) => {
    expect(newEngagementId(now, random)).toBe(id);
    expect(() => engagePatch(id, record)).not.toThrow();
  });

  it("differs within one second", () => {
    const ids = new Set(Array.from({ length: 50 }, () => newEngagementId(now)));
    expect(ids.size).toBeGreaterThan(45);
  });
});
