import { describe, expect, it } from "vitest";
import {
  parseConfiguration,
  tlsOptions,
} from "../../scripts/local/providers/postgresql/configuration.ts";
import { PostgresqlProvider } from "../../scripts/local/providers/postgresql/provider.ts";
import { scramVerifier } from "../../scripts/local/providers/postgresql/scram.ts";
import { secret, unknownString } from "../../scripts/local/providers/lib/properties.ts";
import type { PropertyMap } from "../../scripts/local/providers/lib/properties.ts";
import { formatPath } from "../../scripts/local/providers/lib/property-diff.ts";

const provider = new PostgresqlProvider();

const call = (kind: string) => ({
  urn: "urn:pulumi:test::test::x::y",
  type: `postgresql:index/${kind.toLowerCase()}:${kind}`,
  name: "logical",
  signal: new AbortController().signal,
  status: () => undefined,
});

function check(kind: string, newInputs: PropertyMap, oldInputs: PropertyMap = {}) {
  return provider.check({ ...call(kind), newInputs, oldInputs, randomSeed: new Uint8Array([1]) });
}

async function diff(kind: string, oldInputs: PropertyMap, newInputs: PropertyMap) {
  const result = await provider.diff({
    ...call(kind),
    id: "id",
    oldInputs,
    newInputs,
    oldOutputs: oldInputs,
  });
  return {
    inPlace: result.changes.map(({ path }) => formatPath(path)),
    replacing: result.replaceBecauseOf.map(({ path }) => formatPath(path)),
  };
}

const grant = {
  database: "d",
  role: "r",
  objectType: "table",
  schema: "s",
  privileges: ["SELECT"],
};

describe("inputs of the PostgreSQL stand-in", () => {
  it("hide a password even if the program gave it in clear, and keep a secret one as it is", async () => {
    const { inputs } = await check("Role", { name: "x", password: "hush" });
    expect(inputs).toEqual({ name: "x", password: secret("hush") });
    expect((await check("Role", inputs)).inputs).toEqual(inputs);
    const created = await provider.create({
      ...call("Role"),
      inputs,
      preview: true,
      timeoutSeconds: undefined,
    });
    expect(created.outputs).toEqual(inputs);
  });

  it("get a name that stays", async () => {
    const { inputs } = await check("Role", { login: false });
    expect(inputs["name"]).toMatch(/^logical-[0-9a-f]{7}$/);
    expect((await check("Role", { login: false }, { name: "logical-old" })).inputs["name"]).toBe(
      "logical-old",
    );
  });

  it("are refused with the input and what is allowed", async () => {
    const { failures } = await check("Grant", { ...grant, schema: null, privileges: ["READ"] });
    expect(failures?.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(
        /^privileges "READ" is no privilege of a table: use ALL or some of SELECT/,
      ),
      "schema is needed for this objectType",
    ]);
    expect((await check("Grant", { role: "r" })).failures?.map(({ property }) => property)).toEqual(
      expect.arrayContaining(["database", "objectType", "privileges"]),
    );
  });

  it("that are not known yet are not judged", async () => {
    expect((await check("Grant", { ...grant, objectType: unknownString })).failures).toEqual([]);
  });

  it("of a type that is not imitated are refused by name", () => {
    expect(() => check("Subscription", {})).toThrow("does not know");
  });
});

describe("a change of them", () => {
  it("is none where only the order of a set differs", async () => {
    const two = { ...grant, privileges: ["SELECT", "INSERT"] };
    expect(await diff("Grant", two, { ...grant, privileges: ["INSERT", "SELECT"] })).toEqual({
      inPlace: [],
      replacing: [],
    });
  });

  it("is made in place for privileges, and makes a new grant for another role", async () => {
    const changed = { ...grant, privileges: ["INSERT"] };
    expect((await diff("Grant", grant, changed)).inPlace).toEqual(["privileges[0]"]);
    expect((await diff("Grant", grant, { ...grant, role: "q" })).replacing).toEqual(["role"]);
  });
});

describe("a connection", () => {
  it("is configured as the SDK sends it, else by the variables of libpq", () => {
    const configured = parseConfiguration(
      {
        host: "db",
        port: "5433",
        username: "admin",
        password: secret("hush"),
        connectTimeout: "15",
      },
      { PGPORT: "1", PGSSLMODE: "verify-full" },
    );
    expect(configured).toMatchObject({
      host: "db",
      port: 5433,
      username: "admin",
      password: "hush",
      sslmode: "verify-full",
      connectTimeoutSeconds: 15,
    });
    expect(() => parseConfiguration({ awsRdsIamAuth: "true" }, {})).toThrow("awsRdsIamAuth");
  });

  it("is encrypted by default, and looks at the certificate where that is asked for", async () => {
    const options = (sslmode?: string) =>
      tlsOptions(parseConfiguration(sslmode === undefined ? {} : { sslmode }, {}));
    expect(await options()).toMatchObject({ rejectUnauthorized: false });
    expect(await options("disable")).toBe(false);
    expect(await options("verify-full")).toEqual({});
    await expect(options("prefer")).rejects.toThrow(`"prefer" is none of`);
  });

  it("never carries a password where a verifier does", () => {
    expect(scramVerifier("hush")).toMatch(
      /^SCRAM-SHA-256\$4096:[A-Za-z0-9+/=]{24}\$[A-Za-z0-9+/=]{44}:[A-Za-z0-9+/=]{44}$/,
    );
    expect(scramVerifier("hush")).not.toBe(scramVerifier("hush"));
    expect(scramVerifier("pässwort")).toBeUndefined();
  });
});
