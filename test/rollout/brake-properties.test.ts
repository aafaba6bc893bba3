import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { engagePatch, observeBrake, releasePatch } from "../../infra/rollout/brake.ts";
import type { BrakeObservation, BrakePatch, Engagement } from "../../infra/rollout/brake.ts";

type Data = Readonly<Record<string, string>>;

const record = { who: "ann", when: "2026-11-23T10:15:00Z", why: "errors" };
const ids = fc.constantFrom("a", "b", "c", "anonymous", "absent");
const keys = fc.oneof(
  ids.map((id) => `engaged.${id}`),
  ids.map((id) => `released.${id}`),
  fc.constantFrom("engaged", "note"),
);
const data = fc.dictionary(
  keys,
  fc.oneof(fc.constant(JSON.stringify(record)), fc.constantFrom("", "{", "why")),
);
const observations: fc.Arbitrary<BrakeObservation> = fc.oneof(
  data.map((content) => ({ kind: "present", data: content }) as const),
  fc.constantFrom<BrakeObservation>({ kind: "present" }, { kind: "absent" }, { kind: "unknown" }),
);
/** What `pulumi up`, a refresh or a destroy followed by an up can make of the object: never any data. */
const observationsOfUp = fc.constantFrom<BrakeObservation>(
  { kind: "present" },
  { kind: "present", data: {} },
  { kind: "absent" },
  { kind: "unknown" },
);
const histories = fc.array(observations, { maxLength: 6 });

const observeAll = (
  all: readonly BrakeObservation[],
  start: readonly Engagement[] = [],
): readonly Engagement[] =>
  all.reduce<readonly Engagement[]>((held, observation) => observeBrake(held, observation), start);

const idsOf = (held: readonly Engagement[]): string[] => held.map(({ id }) => id);

/** RFC 7386 for the flat maps of a ConfigMap. */
const merge = (content: Data, patch: BrakePatch): Data =>
  Object.fromEntries(
    Object.entries({ ...content, ...patch.data }).filter(
      (entry): entry is [string, string] => entry[1] !== null,
    ),
  );

describe("the brake", () => {
  it("is released by nothing but a release that names the engagement", () => {
    fc.assert(
      fc.property(histories, observations, (history, observation) => {
        const before = observeAll(history);
        const after = new Set(idsOf(observeBrake(before, observation)));
        for (const id of idsOf(before).filter((candidate) => !after.has(candidate))) {
          const seen = observation.kind === "present" ? (observation.data ?? {}) : {};
          expect(seen).toHaveProperty([`released.${id}`]);
        }
      }),
    );
  });

  it("is never released by what an up, a refresh or a re-creation makes of the object", () => {
    fc.assert(
      fc.property(histories, fc.array(observationsOfUp), (history, ups) => {
        const before = observeAll(history);
        expect(idsOf(observeAll(ups, before))).toEqual(expect.arrayContaining(idsOf(before)));
      }),
    );
  });

  it("is engaged by every engagement that the object does not release", () => {
    fc.assert(
      fc.property(histories, data, fc.constantFrom("a", "b", "c"), (history, content, id) => {
        const engaged = merge(merge(content, { data: { [`released.${id}`]: null } }), {
          ...engagePatch(id, record),
        });
        const held = observeBrake(observeAll(history), { kind: "present", data: engaged });
        expect(held).toContainEqual({ id, ...record });
      }),
    );
  });

  it("stays as it is when the object cannot be read, and when it is read again", () => {
    fc.assert(
      fc.property(histories, observations, (history, observation) => {
        const held = observeAll(history);
        expect(observeBrake(held, { kind: "unknown" })).toEqual(held);
        const once = observeBrake(held, observation);
        expect(observeBrake(once, observation)).toEqual(once);
      }),
    );
  });

  it("does not depend on the order in which the object's keys or the writers' patches arrive", () => {
    const patches = fc.array(
      fc.oneof(
        ids.map((id) => engagePatch(id, record)),
        fc.uniqueArray(ids, { minLength: 1 }).map((all) => releasePatch(all, record)),
      ),
      { maxLength: 6 },
    );
    const shuffled = patches.chain((all) =>
      fc.tuple(
        fc.constant(all),
        fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
      ),
    );
    fc.assert(
      fc.property(histories, data, shuffled, (history, content, [all, other]) => {
        const held = observeAll(history);
        const after = [all, other].map((order) =>
          observeBrake(held, { kind: "present", data: order.reduce(merge, content) }),
        );
        expect(idsOf(after[1] ?? [])).toEqual(idsOf(after[0] ?? []));
      }),
    );
  });

  it("is released by a release of everything that is held", () => {
    fc.assert(
      fc.property(histories, data, (history, content) => {
        const held = observeBrake(observeAll(history), { kind: "present", data: content });
        fc.pre(held.length > 0);
        const released = merge(content, releasePatch(idsOf(held), record));
        expect(observeBrake(held, { kind: "present", data: released })).toEqual([]);
      }),
    );
  });
});
