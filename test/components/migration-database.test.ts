import { beforeAll, describe, expect, it } from "vitest";
import { loginPassword } from "../../infra/database/login-password.ts";
import { migrationsDigest } from "../../infra/database/migrations.ts";
import { defaultPatience } from "../../scripts/agents/migrate/settings.ts";
import { findResource, resourcesOfType } from "../lib/graph.ts";
import type { Graph, RegisteredResource } from "../lib/graph.ts";
import { exampleGraph, exampleSecrets, types } from "./example-stack.ts";

let graph: Graph;
beforeAll(async () => {
  graph = await exampleGraph("p25");
});

const grant = "postgresql:index/grant:Grant";
const defaultPrivileges = "postgresql:index/defaultPrivileges:DefaultPrivileges";
const role = "postgresql:index/role:Role";

describe("database", () => {
  it("belongs with its schema to a group, and each login to the group of its kind", () => {
    const roles = byName(resourcesOfType(graph, role)).map(({ inputs }) => inputs);
    expect(roles.filter(({ login }) => login === false).map(({ name }) => name)).toEqual([
      "pool_migration_owner",
      "pool_migration_reader",
      "pool_migration_writer",
    ]);
    expect(roles.filter(({ login }) => login === true)).toEqual(
      ["owner", "reader", "writer"].map((kind) => ({
        name: `pool_migration_${kind}_login`,
        login: true,
        password: expect.any(String) as string,
        roles: [`pool_migration_${kind}`],
        searchPaths: ["pool_migration"],
      })),
    );
    const database = findResource(graph, "postgresql:index/database:Database", "database");
    const schema = findResource(graph, "postgresql:index/schema:Schema", "database");
    expect(database.inputs.owner).toBe("pool_migration_owner");
    expect(schema.inputs).toMatchObject({ name: "pool_migration", owner: "pool_migration_owner" });
  });

  it("lets the writer add rows and the reader read them, and gives nobody more by default", () => {
    const privileges = byName(resourcesOfType(graph, defaultPrivileges)).map(({ inputs }) => [
      inputs.role,
      inputs.owner,
      inputs.objectType,
      inputs.privileges,
    ]);
    expect(privileges).toEqual([
      ["public", "pool_migration_owner", "function", []],
      ["pool_migration_reader", "pool_migration_owner", "table", ["SELECT"]],
      ["pool_migration_writer", "pool_migration_owner", "table", ["SELECT", "INSERT"]],
    ]);
    const grants = byName(resourcesOfType(graph, grant)).map(({ inputs }) => [
      inputs.role,
      inputs.objectType,
      inputs.privileges,
    ]);
    expect(grants).toEqual([
      ["admin", "database", ["CONNECT"]],
      ["public", "database", []],
      ["pool_migration_reader", "database", ["CONNECT"]],
      ["pool_migration_reader", "schema", ["USAGE"]],
      ["pool_migration_writer", "database", ["CONNECT"]],
      ["pool_migration_writer", "schema", ["USAGE"]],
    ]);
  });

  it("lets the administrator in by name before everybody else is shut out", () => {
    expect(findResource(graph, grant, "public-database").dependencies).toContain(
      `${grant} administrator-connects`,
    );
  });

  it("takes what is in it along when it is deleted", () => {
    for (const type of ["postgresql:index/schema:Schema", grant, defaultPrivileges]) {
      for (const { deletedWith } of resourcesOfType(graph, type).values()) {
        expect(deletedWith).toBe("postgresql:index/database:Database database");
      }
    }
  });
});

describe("migrations", () => {
  it("run in a Job without a name of its own, which stays, after roles and privileges exist", () => {
    const job = findResource(graph, types.job, "migrate");
    expect(job.inputs.metadata).not.toHaveProperty("name");
    expect(job.inputs.metadata).toMatchObject({
      annotations: { "pulumi.com/replaceUnready": "true" },
    });
    expect(job.inputs.spec).not.toHaveProperty("ttlSecondsAfterFinished");
    const component = graph.resources.find(({ type }) => type.endsWith(":MigrationJob"));
    expect(component?.dependencies).toEqual(
      expect.arrayContaining([
        "postgresql:index/schema:Schema database",
        `${defaultPrivileges} writer-tables`,
        `${grant} reader-connects`,
        `${role} owner-login`,
      ]),
    );
  });

  it("are not repeated when they were refused, and are when something broke", () => {
    expect(findResource(graph, types.job, "migrate").inputs.spec).toMatchObject({
      backoffLimit: 2,
      podFailurePolicy: {
        rules: [
          {
            action: "FailJob",
            onExitCodes: { containerName: "migrate", operator: "In", values: [1, 2] },
          },
        ],
      },
      template: { spec: { restartPolicy: "Never", containers: [{ name: "migrate" }] } },
    });
  });

  it("have the time that a pod may take to start and their own, and tell why before the engine gives up", async () => {
    const job = async (readyTimeoutSeconds: number) => {
      const slow = await exampleGraph("p25", { pool: { readyTimeoutSeconds } });
      const { inputs, customTimeouts } = findResource(slow, types.job, "migrate");
      const { activeDeadlineSeconds } = inputs.spec as { activeDeadlineSeconds: number };
      return [activeDeadlineSeconds, customTimeouts.create];
    };
    expect(await job(20)).toEqual([110, "140s"]);
    expect(await job(300)).toEqual([390, "420s"]);
    const { connectSeconds, runnerLockSeconds } = defaultPatience;
    expect(connectSeconds + runnerLockSeconds).toBeLessThan(90);
  });

  it("are named by the digest of their SQL, so that edited SQL replaces the Job", () => {
    const { spec } = findResource(graph, types.job, "migrate").inputs as {
      spec: { template: { spec: { containers: { args: string[]; env: object[] }[] } } };
    };
    const [container] = spec.template.spec.containers;
    expect(container?.args).toEqual(["up", "--expect-digest", migrationsDigest()]);
    expect(container?.env).toEqual([
      { name: "PGHOST", value: "10.0.0.9" },
      { name: "PGPORT", value: "5432" },
      { name: "PGDATABASE", value: "pool_migration" },
      { name: "PGUSER", value: "pool_migration_owner_login" },
      { name: "PGSSLMODE", value: "disable" },
    ]);
  });

  it("log in with the password that the owner's login has, and the administrator's stays here", () => {
    const secret = findResource(graph, types.secret, "migrate-credentials").inputs.stringData;
    const login = findResource(graph, role, "owner-login").inputs.password;
    expect(secret).toEqual({ PGPASSWORD: login });
    const holders = graph.resources.filter(({ inputs }) =>
      JSON.stringify(inputs).includes(exampleSecrets.adminPassword),
    );
    expect(holders.map(({ type }) => type)).toEqual(["pulumi:providers:postgresql"]);
  });
});

describe("passwords of the logins", () => {
  it("follow from the administrator's, the database and the kind, and from nothing else", () => {
    const password = loginPassword("administrator", "pool_migration", "owner");
    expect(password).toBe(loginPassword("administrator", "pool_migration", "owner"));
    expect(password).toMatch(/^[A-Za-z0-9_-]{32}$/);
    const others = [
      loginPassword("administrator", "pool_migration", "writer"),
      loginPassword("administrator", "another", "owner"),
      loginPassword("another", "pool_migration", "owner"),
    ];
    expect(new Set([password, ...others]).size).toBe(4);
  });
});

/** In the order of the names: resources that wait for the same are registered in no particular order. */
function byName(resources: Map<string, RegisteredResource>): RegisteredResource[] {
  return [...resources.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
