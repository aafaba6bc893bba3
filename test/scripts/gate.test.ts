import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { loginPassword } from "../../infra/database/login-password.ts";
import { loginRole } from "../../infra/database/names.ts";
import { poolName, projectName } from "../../infra/rollout/names.ts";
import type { PreparedDatabase } from "../database/migrated-database.ts";
import { writeEntries } from "../../scripts/agents/guard/journal/writer.ts";
import { sampleWith } from "../config/sample-config.ts";
import { chainOf, migratedDatabase } from "../guard/journal/journal-fixture.ts";
import type { TestPostgres } from "../lib/postgres.ts";
import { startPostgres } from "../lib/postgres.ts";
import { startScript } from "../lib/run-script.ts";
import { configMapPath, simulated } from "../lib/simulated-router.ts";
import type { StackFixture } from "../lib/stack-fixture.ts";
import { startStack } from "../lib/stack-fixture.ts";

const adminPassword = "database-password-0123456789";
let server: TestPostgres;
let database: PreparedDatabase;
let owner: pg.Client;
let stack: StackFixture;
let directory: string;

beforeAll(async () => {
  server = await startPostgres();
  database = await migratedDatabase(server, "gated");
  owner = await database.connect("owner");
  const superuser = await database.connectAsSuperuser();
  const password = loginPassword(adminPassword, "gated", "reader");
  await superuser.query(`ALTER ROLE ${loginRole("gated", "reader")} PASSWORD '${password}'`);
});
afterAll(async () => {
  await database.close();
  await server.stop();
});
beforeEach(async () => {
  await owner.query("TRUNCATE verdicts, attempts");
  directory = await mkdtemp(join(tmpdir(), "gate-"));
  stack = await startStack({ stage: "p10", percentage: 10 });
  stack.server.write(
    `/apis/apps/v1/namespaces/${simulated.namespace}/deployments/${poolName("v2")}`,
    { metadata: { name: poolName("v2") }, spec: { replicas: 2 }, status: { readyReplicas: 2 } },
  );
});
afterEach(async () => {
  await stack.close();
  await rm(directory, { recursive: true });
});

/** Runs the verb, by a clock that is so many seconds behind; `pulumi config` answers with the sample, changed. */
async function gate(
  argv: readonly string[] = [],
  changes: Record<string, unknown> = {},
  secondsBehind = 0,
) {
  const config = sampleWith({
    stage: "p10",
    "database/host": "127.0.0.1",
    "database/port": server.port,
    "database/name": "gated",
    "database/ssl": "disable",
    ...changes,
  });
  const secret = ["pool", "router", "database"];
  const values = Object.entries(config).map(([key, value]) => [
    `${projectName}:${key}`,
    {
      value: typeof value === "string" ? value : JSON.stringify(value),
      secret: secret.includes(key),
    },
  ]);
  const bin = join(directory, "bin");
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, "config.json"), JSON.stringify(Object.fromEntries(values)));
  await writeFile(join(bin, "pulumi"), `#!/bin/sh\ncat ${join(bin, "config.json")}\n`);
  await chmod(join(bin, "pulumi"), 0o755);
  const clock = `const now = Date.now; Date.now = () => now() - ${1000 * secondsBehind};`;
  const environment = {
    KUBECONFIG: stack.kubeconfig,
    PATH: `${bin}:${process.env["PATH"] ?? ""}`,
    NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(clock)}`,
  };
  return startScript("gate", argv, environment).result;
}

/**
 * Journals verdicts every five seconds, the last of them now: the first half of them, rounded up, at p5, the others at p10.
 *
 * @param secondsAgo when the last one was, instead
 */
async function journal(verdicts: number, secondsAgo = 0): Promise<void> {
  const from = Date.now() - 5_000 * (verdicts - 1) - 1_000 * secondsAgo;
  expect(
    await writeEntries(owner, chainOf({ writer: "guard-a", verdicts, from, healthy: true })),
  ).toEqual([]);
}

/** What a check of a run with --json says. */
function checkOf({ stdout }: { stdout: string }, name: string): unknown {
  const { checks } = JSON.parse(stdout) as { checks: { name: string }[] };
  return checks.find((check) => check.name === name);
}

describe("gate", () => {
  it("shows every check, what is left to people, and that evidence is short", async () => {
    await journal(30);
    const { code, stdout } = await gate();
    expect(code).toBe(2);
    const shown = stdout.split("\n");
    expect(shown).toEqual(
      expect.arrayContaining([
        "passed       commanded = applied  10 % in 2 routers (now; 10 % in all 2 routers)",
        "passed       brake                released (now; released)",
        expect.stringMatching(
          /^passed {7}journal {14}\d+ s old, the same when recomputed \(its newest verdict; /,
        ),
        expect.stringMatching(/^not decided {2}verdict {14}hold: /),
        expect.stringMatching(/^people {7}V2's circuit breaker/),
        "The gate stays closed, because something could not be decided from p10 to p25.",
      ]),
    );
  });

  it("is JSON with what was observed, the limit and the window of every check", async () => {
    await journal(30);
    const { stdout } = await gate(["--json"]);
    const result = JSON.parse(stdout) as { checks: object[] };
    expect(result).toMatchObject({ stack: "dev", stage: "p10", next: "p25", outcome: "undecided" });
    for (const check of result.checks) {
      expect(Object.keys(check).sort()).toEqual(["limit", "name", "observed", "passed", "window"]);
    }
  });

  it("fails with 1 where something speaks against", async () => {
    await journal(30);
    await stack.run("brake", "--reason", "test");
    const { code, stdout } = await gate();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^FAILED {7}brake/m);
    expect(stdout).toContain("The gate is CLOSED from p10 to p25.\n");
  });

  it("fails where the journal's newest verdict was changed", async () => {
    await journal(30);
    await owner.query(
      "UPDATE verdicts SET verdict = replace(verdict::text, '\"hold\"', '\"pass\"')::json " +
        "WHERE sequence = (SELECT max(sequence) FROM verdicts)",
    );
    const { code, stdout } = await gate();
    expect(code).toBe(1);
    expect(stdout).toMatch(/^FAILED {7}journal .* another one when recomputed/m);
  });

  it("decides nothing on a verdict that cannot be recomputed, because the journal has a gap", async () => {
    await journal(30);
    await owner.query("DELETE FROM verdicts WHERE sequence = 20");
    const { code, stdout } = await gate();
    expect(code).toBe(2);
    expect(stdout).toMatch(
      /^not decided {2}journal .*not to be recomputed, because rows before it are missing/m,
    );
    expect(stdout).toMatch(/^not decided {2}error rate .*shorter than a window/m);
  });

  it("decides nothing on the last verdict of the stage before", async () => {
    await journal(1);
    const result = await gate(["--json"]);
    expect(result.code).toBe(2);
    expect(checkOf(result, "verdict")).toMatchObject({
      passed: null,
      observed:
        "the last verdict is about p5 = 5 %; p10 = 10 % is declared: wait for the guards' next one",
    });
    expect(checkOf(result, "journal")).toMatchObject({ passed: true });
  });

  it("takes no window that began at the stage before", async () => {
    const since = "now() - interval '57 seconds'";
    await journal(24);
    await owner.query(
      `UPDATE verdicts SET evidence_row = jsonb_set(evidence_row::jsonb, '{stage,since}',
         to_jsonb(floor(1000 * extract(epoch FROM ${since}))))::json`,
    );
    expect(checkOf(await gate(["--json"]), "error rate")).toMatchObject({
      passed: null,
      observed: "the journal of this stage is shorter than a window",
    });
  });

  it("tells the age of the journal by the database's clock, however wrong its own is", async () => {
    await journal(30, 600);
    const old = await gate(["--json"], {}, 600);
    expect(old.code).toBe(2);
    expect(checkOf(old, "journal")).toMatchObject({
      passed: null,
      observed: expect.stringMatching(/^60\d s old, the same when recomputed$/) as string,
    });
    await owner.query("TRUNCATE verdicts");
    await journal(30);
    expect(checkOf(await gate(["--json"], {}, -600), "journal")).toMatchObject({ passed: true });
  });

  it("leaves to people what is not measured without the pools' contract", async () => {
    await journal(30);
    const { stdout } = await gate([], { "pool/contract": "none" });
    expect(stdout).toMatch(/^people .*memory grows.*not measured with contract none/m);
    expect(stdout).not.toMatch(/^(passed|not decided) +memory/m);
  });

  it("decides nothing on an empty journal, or without its database", async () => {
    const empty = await gate();
    expect(empty.code).toBe(2);
    expect(empty.stdout).toMatch(/^not decided {2}journal {14}no verdict/m);
    const away = await gate([], { "database/port": 1 });
    expect(away.code).toBe(2);
    expect(away.stderr).toMatch(/^gate: the journal cannot be read: .*did not answer/);
    expect(away.stdout).toMatch(/^not decided {2}journal/m);
    expect(away.stdout + away.stderr).not.toContain(adminPassword);
  });

  it("refuses while configuration and cluster name different stages", async () => {
    stack.server.write(configMapPath("rollout"), {
      metadata: { name: "rollout" },
      data: { stage: "p25", percentage: "25" },
    });
    const { code, stdout, stderr } = await gate();
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toBe(
      "gate: the configuration says stage p10 and the cluster p25: " +
        "bring them together first (pulumi up --stack dev)\n",
    );
  });

  it("ends with 3 where the cluster does not answer", async () => {
    stack.server.intercept = () => "cut";
    expect((await gate()).code).toBe(3);
  });
});
