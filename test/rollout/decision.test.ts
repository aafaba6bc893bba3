import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { bucket } from "../../infra/rollout/bucket.ts";
import { predictSide } from "../../infra/rollout/decision.ts";
import { profileNames, stageTable } from "../../infra/rollout/stages.ts";

const percentages = [
  ...new Set(profileNames.flatMap((name) => stageTable(name).map((stage) => stage.percentage))),
];
const percentagePairs = percentages.flatMap((lower) =>
  percentages.filter((higher) => higher >= lower).map((higher) => [lower, higher] as const),
);
const sessionIds = fc.stringMatching(/^[A-Za-z0-9._:-]{1,128}$/);
const requestIds = fc.uuid();
const malformed = fc.oneof(
  fc.constantFrom("", " ", "a b", "a,b", "é", "a\n", "x".repeat(129), "a;b", "<id>"),
  fc.string().filter((text) => !/^[A-Za-z0-9._:-]{1,128}$/.test(text)),
);

const servedByV2 = (ids: readonly string[], percentage: number): ReadonlySet<string> =>
  new Set(
    ids.filter(
      (sessionId) => predictSide({ sessionId, requestId: "any", percentage }).side === "v2",
    ),
  );

describe("predictSide", () => {
  it("sends a session to V2 iff its bucket is below the percentage", () => {
    fc.assert(
      fc.property(
        sessionIds,
        requestIds,
        fc.integer({ min: 0, max: 100 }),
        (id, request, share) => {
          expect(predictSide({ sessionId: id, requestId: request, percentage: share })).toEqual({
            side: bucket(id) < share ? "v2" : "v1",
            hashed: "session",
          });
        },
      ),
    );
  });

  it("decides by the request id where the session id is malformed or absent", () => {
    fc.assert(
      fc.property(
        fc.option(malformed, { nil: undefined }),
        requestIds,
        fc.integer({ min: 0, max: 100 }),
        (id, request, share) => {
          expect(predictSide({ sessionId: id, requestId: request, percentage: share })).toEqual({
            side: bucket(request) < share ? "v2" : "v1",
            hashed: "request",
          });
        },
      ),
    );
  });

  it("is sticky: the request does not matter to a session", () => {
    fc.assert(
      fc.property(
        sessionIds,
        requestIds,
        requestIds,
        fc.constantFrom(...percentages),
        (sessionId, first, second, percentage) => {
          expect(predictSide({ sessionId, requestId: first, percentage })).toEqual(
            predictSide({ sessionId, requestId: second, percentage }),
          );
        },
      ),
    );
  });

  it("is monotone over all pairs of stages: nobody leaves V2 on the way up", () => {
    fc.assert(
      fc.property(fc.array(sessionIds, { maxLength: 50 }), (ids) => {
        for (const [lower, higher] of percentagePairs) {
          const later = servedByV2(ids, higher);
          expect([...servedByV2(ids, lower)].filter((id) => !later.has(id))).toEqual([]);
        }
      }),
    );
  });

  it("gives back the same set of sessions after a rollback", () => {
    const ids = Array.from({ length: 2000 }, (_, index) => `session-${index}`);
    const up = percentages.map((percentage) => servedByV2(ids, percentage));
    const down = percentages.toReversed().map((percentage) => servedByV2(ids, percentage));
    expect(down.toReversed()).toEqual(up);
    expect(up.map((set) => set.size).at(0)).toBe(0);
    expect(up.map((set) => set.size).at(-1)).toBe(ids.length);
  });

  it.each([-1, 101, 2.5, Number.NaN])("refuses %d %%", (percentage) => {
    expect(() => predictSide({ requestId: "r", percentage })).toThrow(/integer from 0 to 100/);
  });
});
