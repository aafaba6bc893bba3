import fc from "fast-check";

import { configKeys } from "../../../infra/config/keys.ts";
import type { ConfigOrigin } from "../../../infra/config/parse.ts";
import { sampleConfig, sampleOrigin, setPath } from "../sample-config.ts";

/** A configuration as a user might have it. */
export interface GeneratedConfig {
  readonly raw: Readonly<Record<string, unknown>>;
  readonly origin: ConfigOrigin;
}

/** A value at a place; undefined takes away what is there. */
interface Change {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

const change = (path: string, values: fc.Arbitrary<unknown>): fc.Arbitrary<Change> =>
  values.map((value) => ({ path: path.split("/"), value }));

const stageNames = ["baseline", "shadow", "p5", "p10", "p25", "p50", "p75", "p100", "retired"];

/** Most are in order; the rest fall, stop short of 100 %, or leave out what the profile does not know. */
const ladder = fc
  .record({
    percentages: fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 4 }),
    inOrder: fc.integer({ min: 0, max: 9 }).map((number) => number > 0),
    complete: fc.integer({ min: 0, max: 9 }).map((number) => number > 0),
  })
  .map(({ percentages, inOrder, complete }) =>
    [...(inOrder ? percentages.toSorted((a, b) => a - b) : percentages), complete ? 100 : 101].map(
      (percentage) => ({
        name: `p${percentage}`,
        percentage,
        ...(complete ? { dwellMinutes: percentage, approval: inOrder } : {}),
      }),
    ),
  );

/** What decides who gets traffic: values that are good by themselves, and often not together. */
const steering = fc.oneof(
  change("stage", fc.constantFrom(...stageNames, "p1", "p33")),
  change("stage", fc.constantFrom(...stageNames, undefined)),
  change("profile", fc.constantFrom("accelerated", "production", "rehearsal")),
  change("stages", ladder),
  change("flags/poolV2Enabled", fc.constantFrom(true, false, "true", "false", undefined)),
  change("router/entry", fc.constantFrom("inline", "beside", undefined)),
  change("router/retire", fc.constantFrom(false, false, true)),
  change("router/override", fc.constantFrom(undefined, { token: "t".repeat(16) })),
  change("pool/contract", fc.constantFrom("full", "none")),
  change("pool/idempotencyKeys", fc.constantFrom(true, false, undefined)),
  change("v1", fc.constantFrom({ image: "pool:1" }, undefined)),
  change("v2", fc.constantFrom({ image: "pool:2", replicas: { min: 1, max: 9 } }, undefined)),
  change("database", fc.constantFrom(undefined, {})),
  change("images/tools", fc.constantFrom("tools:1", "tools:1", undefined)),
);

/**
 * No `length`: it would size a list instead of naming a key, and a list of 2 ** 31 items, which no stack's file could
 * hold, takes all memory.
 */
const strangeNames = fc
  .oneof(
    fc.constantFrom("toString", "__proto__", "constructor", "a.b", 'a"b', "a'b", "", "0", "[]"),
    fc.string({ maxLength: 8 }),
  )
  .filter((name) => name !== "length");

/** Every key, with a position for lists and a name for maps of free names. */
const keyPaths = configKeys.map(({ path }) =>
  path.replaceAll("[]", ".0").replace("*", "NAME").split(".").map(positionOrName),
);
const knownPath = fc.constantFrom(...keyPaths);
const wrongPath = fc.oneof(
  fc.tuple(knownPath, fc.nat(3)).map(([path, depth]) => path.slice(0, depth + 1)),
  fc
    .tuple(knownPath, fc.nat(3), strangeNames)
    .map(([path, depth, name]) => [...path.slice(0, depth), name]),
);

const strangeValues: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom(null, "", " ", 0, -1, 1.5, 1e300, 2 ** 60, true, "true", "5", "05", "<fill in>"),
  fc.constantFrom<unknown>(
    [],
    {},
    [null],
    [[]],
    [{}],
    { token: {} },
    { min: null },
    "[1",
    '{"a":1}',
  ),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -0, "\u0000", "\ud800", "x".repeat(300)),
  fc.integer(),
  fc.string({ maxLength: 12 }),
);

const strangeChange: fc.Arbitrary<Change> = fc.record({
  path: fc.oneof({ arbitrary: knownPath, weight: 3 }, { arbitrary: wrongPath, weight: 1 }),
  value: strangeValues,
});

const origin = fc.oneof(
  { arbitrary: fc.constant(sampleOrigin), weight: 30 },
  {
    arbitrary: fc.record({
      stack: fc.constantFrom("dev", "prod", "My_Stack", ""),
      secretKeys: fc.subarray(["pool", "router", "database"]).map((keys) => new Set(keys)),
      clearPaths: fc.subarray(["router.agentToken", "router.brakeToken"]),
    }),
    weight: 1,
  },
);

/** How maps and lists reach the loader: as such, or as the JSON text that the engine makes of them. */
export type Form = "maps" | "text";

const changes = fc
  .record({
    sensible: fc.array(steering, { maxLength: 6 }),
    strange: fc.oneof(
      fc.constant<Change[]>([]),
      fc.array(strangeChange, { minLength: 1, maxLength: 3 }),
    ),
  })
  .map(({ sensible, strange }) => [...sensible, ...strange]);

/** Configurations near to a good one: several changes that make sense, and half of the time some that do not. */
export function generatedConfig(form: Form): fc.Arbitrary<GeneratedConfig> {
  return fc.record({ changes, origin }).map(({ changes: all, origin: from }) => {
    const raw = sampleConfig();
    // A copy, because a later change may go into what an earlier one has set.
    for (const { path, value } of all) setOwn(raw, path, structuredClone(value));
    return {
      raw: form === "text" ? handedOver(raw) : raw,
      origin: from,
      [fc.toStringMethod]: () => `the sample with ${fc.stringify(all)}, from ${fc.stringify(from)}`,
    };
  });
}

/** The engine hands maps and lists over as JSON, and so only what JSON can carry. */
function handedOver(raw: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(raw).map(([name, value]) => [
      name,
      typeof value === "object" ? JSON.stringify(value) : value,
    ]),
  );
}

/** Sets a value without ever touching a prototype. */
function setOwn(target: object, path: readonly (string | number)[], value: unknown): void {
  if (path.includes("__proto__")) {
    Object.defineProperty(target, "__proto__", { value, enumerable: true, configurable: true });
  } else setPath(target, path, value);
}

function positionOrName(part: string): string | number {
  return part === "0" ? 0 : part;
}
