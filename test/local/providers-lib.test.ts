import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { automaticName } from "../../scripts/local/providers/lib/autoname.ts";
import {
  fromStruct,
  holdsSecret,
  holdsUnknown,
  markLike,
  reveal,
  secret,
  toStruct,
  unknownString,
} from "../../scripts/local/providers/lib/properties.ts";
import { engineAddress } from "../../scripts/local/providers/lib/engine-address.ts";
import type { PropertyMap, PropertyValue } from "../../scripts/local/providers/lib/properties.ts";
import { formatPath, propertyChanges } from "../../scripts/local/providers/lib/property-diff.ts";

/** Any property map, without nulls: an object's null means absence. */
const { properties } = fc.letrec<{ properties: PropertyMap; value: PropertyValue }>((tie) => ({
  properties: fc.dictionary(fc.string(), tie("value"), { maxKeys: 4 }),
  value: fc.oneof(
    { maxDepth: 3 },
    fc.string(),
    fc.boolean(),
    fc.integer(),
    fc.array(tie("value"), { maxLength: 3 }),
    tie("properties"),
  ),
}));

describe("properties", () => {
  it("come back from the wire as they were sent", () => {
    fc.assert(
      fc.property(properties, (map) => {
        expect(fromStruct(toStruct(map))).toEqual(map);
      }),
    );
  });

  it("are revealed at any depth, and marked again where they were", () => {
    const marked = {
      name: "x",
      spec: { token: secret("t"), list: [{ value: secret("v") }], plain: { a: 1 } },
      gone: null,
    };
    const plain = reveal(marked);
    expect(plain).toEqual({
      name: "x",
      spec: { token: "t", list: [{ value: "v" }], plain: { a: 1 } },
    });
    expect(markLike(plain, marked)).toEqual({
      name: "x",
      // The order of a list may change on the way: as a whole it is secret.
      spec: { token: secret("t"), list: secret([{ value: "v" }]), plain: { a: 1 } },
    });
  });

  it("never lose a mark that the program set", () => {
    fc.assert(
      fc.property(properties, (map) => {
        const marked = Object.fromEntries(
          Object.entries(map).map(([key, value]) => [key, secret(value)]),
        );
        for (const value of Object.values(markLike(map, marked)))
          expect(holdsSecret(value)).toBe(true);
      }),
    );
  });

  it("tell what is not known yet", () => {
    expect(holdsUnknown({ a: [{ b: unknownString }] })).toBe(true);
    expect(holdsUnknown({ a: [secret({ b: unknownString })] })).toBe(true);
    expect(holdsUnknown({ a: [{ b: "known" }] })).toBe(false);
  });
});

describe("differences", () => {
  it("are as deep as both sides have the same shape, in the engine's notation", () => {
    const before = {
      data: { percentage: "5", gone: "x" },
      spec: { containers: [{ image: "a" }, { image: "b" }], kind: "text" },
      labels: { "app.kubernetes.io/name": "router" },
    };
    const after = {
      data: { percentage: "10" },
      spec: { containers: [{ image: "c" }], kind: { of: "object" } },
      labels: { "app.kubernetes.io/name": "pool" },
      added: { deep: { down: 1 } },
    };
    const changes = propertyChanges(before, after).map(
      ({ path, kind }) => `${kind} ${formatPath(path)}`,
    );
    expect(changes).toEqual([
      "update data.percentage",
      "delete data.gone",
      "update spec.containers[0].image",
      "delete spec.containers[1]",
      "update spec.kind",
      `update labels["app.kubernetes.io/name"]`,
      "add added",
    ]);
  });

  it("are none between equal values, and some between others", () => {
    fc.assert(
      fc.property(properties, properties, (one, other) => {
        expect(propertyChanges(one, structuredClone(one))).toEqual([]);
        expect(propertyChanges(one, other).length === 0).toBe(sameContent(one, other));
      }),
    );
  });
});

/** Equal apart from the order of keys. */
function sameContent(one: PropertyValue, other: PropertyValue): boolean {
  try {
    expect(one).toEqual(other);
    return true;
  } catch {
    return false;
  }
}

describe("automatic names", () => {
  it("are the same for the same seed, so that a preview shows the name of the update", () => {
    const seed = new Uint8Array([1, 2, 3]);
    expect(automaticName("tokens", seed, 8)).toBe(automaticName("tokens", seed, 8));
    expect(automaticName("tokens", seed, 8)).toMatch(/^tokens-[0-9a-f]{8}$/);
    expect(automaticName("tokens", new Uint8Array([4]), 8)).not.toBe(
      automaticName("tokens", seed, 8),
    );
  });

  it("differ without a seed", () => {
    const none = new Uint8Array();
    expect(automaticName("x", none, 7)).not.toBe(automaticName("x", none, 7));
  });
});

describe("the engine's address", () => {
  it.each([
    ["alone", ["127.0.0.1:7"]],
    ["behind logging options", ["--logtostderr", "-v=7", "127.0.0.1:7"]],
    ["of an engine that traces", ["--tracing", "tcp://127.0.0.1:8", "127.0.0.1:7"]],
  ])("is found %s", (_case, argv) => {
    expect(engineAddress("A plugin", argv)).toBe("127.0.0.1:7");
  });

  it("is missed where somebody else starts the plugin", () => {
    expect(() => engineAddress("A plugin", ["--tracing", "tcp://127.0.0.1:8"])).toThrow(
      "A plugin is started by `pulumi`",
    );
  });
});
