import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { migrationsDigest } from "../../infra/database/migrations.ts";
import { runCommandLine } from "../../scripts/agents/migrate/command-line.ts";
import { startPostgres } from "../lib/postgres.ts";
import type { TestPostgres } from "../lib/postgres.ts";
import { prepareDatabase } from "./migrated-database.ts";
import type { PreparedDatabase } from "./migrated-database.ts";

let server: TestPostgres;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

describe("the command", () => {
  let database: PreparedDatabase;
  beforeAll(async () => {
    database = await prepareDatabase(server, "command");
  });
  afterAll(() => database.close());

  /** The environment that the Job gives. */
  const environment = () => {
    const { settings } = database;
    return {
      PGHOST: settings.host,
      PGPORT: String(settings.port),
      PGDATABASE: settings.database,
      PGUSER: settings.user,
      PGPASSWORD: settings.password,
      PGSSLMODE: settings.ssl,
    };
  };

  async function run(args: string[], changed: Record<string, string> = {}) {
    let [stdout, stderr] = ["", ""];
    const code = await runCommandLine(args, {
      environment: { ...environment(), ...changed },
      stdout: (text) => (stdout += text),
      stderr: (text) => (stderr += text),
      signal: new AbortController().signal,
    });
    return { code, stdout, stderr };
  }

  it("goes through status, up, status, verify and down", async () => {
    expect(await run(["status"])).toMatchObject({
      code: 1,
      stdout: expect.stringContaining("pending") as string,
    });
    const applied = await run(["up", "--json", "--expect-digest", migrationsDigest()]);
    expect(applied.code).toBe(0);
    expect(applied.stderr).toContain("applied 0006_brake_events");
    expect(JSON.parse(applied.stdout)).toMatchObject({
      changed: expect.arrayContaining(["0003_pool_metrics"]) as string[],
      problems: [],
    });
    expect(await run(["status"])).toMatchObject({ code: 0 });
    expect(await run(["maintain", "--keep-months", "12"])).toMatchObject({ code: 0, stderr: "" });
    expect(await run(["verify"])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("0 problems found") as string,
    });
    expect(await run(["down"])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("add --yes") as string,
    });
    expect(await run(["down", "--yes", "--count", "2"])).toMatchObject({
      code: 0,
      stderr: "reverted 0009_recorded_once\nreverted 0008_verdicts\n",
    });
    expect(await run(["verify"])).toMatchObject({ code: 1 });
    // It keeps what is there in order; what is pending is for the Job to tell.
    expect(await run(["maintain", "--keep-months", "12"])).toMatchObject({ code: 0 });
  });

  it.each([
    [
      ["sideways"],
      {},
      2,
      '"sideways" is no command, use up, down, status, maintain, prune or verify',
    ],
    [["up", "--force"], {}, 2, "Unknown option '--force'"],
    [["down", "--yes", "--count", "0"], {}, 2, '--count is "0", use an integer from 1 to 1200'],
    [["prune", "--yes"], {}, 2, "--keep-months is missing, use an integer from 1"],
    [["maintain", "--keep-months", "0"], {}, 2, '--keep-months is "0", use an integer from 1'],
    [["prune", "--keep-months", "3"], {}, 2, "prune deletes samples; add --yes"],
    [["up", "--expect-digest", "abc"], {}, 2, "build it anew and set images.tools to it"],
    [["up"], { PGHOST: "", PGPORT: "x" }, 2, 'PGHOST is not set; PGPORT is "x"'],
    [["up"], { PGPASSWORD: "wrong" }, 2, "password authentication failed"],
    [["up"], { PGDATABASE: "postgres" }, 2, "is not prepared for command_owner_login"],
  ])("%j with %j ends with %i and a sentence", async (args, environment, code, sentence) => {
    const result = await run(args, environment);
    expect(result.stderr).toContain(sentence);
    expect(result.stderr.trim().split("\n").length).toBe(1);
    expect(result).toMatchObject({ code, stdout: "" });
  });

  it("runs as a process of its own", async () => {
    const file = join(import.meta.dirname, "../../scripts/agents/migrate.ts");
    const { stdout } = await promisify(execFile)(process.execPath, [file, "--help"]);
    expect(stdout).toContain("Exit codes: 0 done");
    const refused = promisify(execFile)(process.execPath, [file, "up"], {
      env: { ...environment(), PGPASSWORD: "wrong" },
    });
    await expect(refused).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^migrate: .*password authentication failed.*\n$/) as string,
    });
  });
});
