import { describe, expect, it } from "vitest";

import { configKeys } from "../../infra/config/keys.ts";
import { parseConfig } from "../../infra/config/parse.ts";
import { sampleOrigin, sampleWith } from "./sample-config.ts";

/** What makes the other default of a key the one in force, by the words of the reference. */
const otherCases: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "contract none": { "pool/contract": "none" },
  "profile rehearsal": { profile: "rehearsal" },
};

/** A list has a default as a whole, and what belongs to an instance that is not there has none. */
const single = configKeys.filter(
  ({ path, defaultValue }) =>
    defaultValue !== undefined && !path.includes("[]") && !path.startsWith("database.rds"),
);

const parseWith = (changes: Readonly<Record<string, unknown>>) =>
  parseConfig(sampleWith(changes), sampleOrigin);

describe("the default in the reference", () => {
  it.each(single.map((key) => [key.path, key] as const))(
    "is what is in force where nothing is set: %s",
    (path, { defaultValue, dependentDefault }) => {
      const place = path.replaceAll(".", "/");
      // The stage comes first: what is set at its default has to be possible there.
      const base = path === "stage" ? {} : { stage: "p50", profile: "accelerated" };
      const left = { ...base, [place]: undefined };
      expect(parseWith({ ...base, [place]: defaultValue })).toEqual(parseWith(left));
      const other = dependentDefault?.other;
      if (other === undefined) return;
      const changed = otherCases[other.where];
      expect(changed).toBeDefined();
      expect(parseWith({ ...base, ...changed, [place]: other.value })).toEqual(
        parseWith({ ...left, ...changed }),
      );
    },
  );

  it("is there for every key, or words that say what it means that there is none", () => {
    const silent = configKeys.filter(
      ({ defaultValue, absent }) => (defaultValue === undefined) === (absent === undefined),
    );
    expect(silent.map(({ path }) => path)).toEqual([]);
  });
});
