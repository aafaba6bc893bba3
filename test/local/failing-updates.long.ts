import { createServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { startPostgres } from "../lib/postgres.ts";
import type { TestPostgres } from "../lib/postgres.ts";
import { createEngineStack, endOf } from "./engine-stack.ts";
import type { OwnEngineStack } from "./engine-stack.ts";
import { createAdministrator, postgresProgram, roleNames } from "./postgres-program.ts";

let postgres: TestPostgres;
let stack: OwnEngineStack;

beforeAll(async () => {
  [postgres, stack] = await Promise.all([startPostgres(), createEngineStack()]);
  await createAdministrator(postgres.url());
}, 900_000);

afterAll(async () => {
  await postgres.stop();
  stack.remove();
});

/** A program with these resources, for the server or for another one. */
const program = (resources: string, port = postgres.port) => postgresProgram(resources, port);

describe("an update that cannot succeed", () => {
  it("has made what was declared first, although something else is refused at once", async () => {
    stack.write(
      program(`
        const first = new postgresql.Role("first", { name: "moved_first", login: false }, opts);
        new postgresql.Grant("refused", {
          database: "postgres", role: "nobody_at_all", objectType: "database", privileges: ["CONNECT"],
        }, { ...opts, dependsOn: [first] });
      `),
    );
    const { code, output } = await stack.run("up", "--yes", "--skip-preview");
    expect(output).toContain(`role "nobody_at_all" does not exist`);
    expect(code).not.toBe(0);
    expect(await roleNames(postgres.url())).toEqual(["moved_first"]);
  }, 60_000);

  it("says in one sentence what is wrong with an input", async () => {
    stack.write(
      program(`
        new postgresql.Grant("wrong", {
          database: "postgres", role: "x", objectType: "table", schema: "public", privileges: ["READ"],
        }, opts);
      `),
    );
    const { code, output } = await stack.run("preview");
    expect(output).toContain(
      `"READ" is no privilege of a table: use ALL or some of SELECT, INSERT`,
    );
    expect(code).not.toBe(0);
  }, 60_000);

  it("shows an error of the program in one clean line", async () => {
    stack.write(`
      import * as pulumi from "@pulumi/pulumi";
      const error = new pulumi.RunError("stage is p33; allowed are p5 and p10");
      error.stack = error.message;
      throw error;
    `);
    const { code, output } = await stack.run("preview", "--suppress-progress");
    expect(output).toMatch(/^ *error: stage is p33; allowed are p5 and p10$/m);
    expect(output).not.toMatch(/^ +at /m);
    expect(code).not.toBe(0);
  }, 60_000);

  it("names host and port of a server that is not there", async () => {
    const closed = await silentServer();
    closed.server.close();
    stack.write(program(`new postgresql.Role("r", { login: false }, opts);`, closed.port));
    const { code, output } = await stack.run("up", "--yes", "--skip-preview");
    expect(output).toContain(
      `PostgreSQL at 127.0.0.1:${String(closed.port)} (user administrator) cannot be used`,
    );
    expect(code).not.toBe(0);
  }, 60_000);
});

/** A port that takes connections and never says a word. */
async function silentServer(): Promise<{ server: Server; port: number; connected: Promise<void> }> {
  const server = createServer();
  const connected = new Promise<void>((resolve) => server.once("connection", () => resolve()));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, port: (server.address() as AddressInfo).port, connected };
}

describe("an update that waits", () => {
  const isRunning = (pid: number) => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  };
  let silent: Awaited<ReturnType<typeof silentServer>>;

  beforeEach(async () => {
    silent = await silentServer();
  });
  afterEach(() => silent.server.close());

  /** Starts an update that waits for a server which never answers, by a program that never ends by itself. */
  async function startWaiting() {
    stack.write(
      program(
        `
        import { writeFileSync } from "node:fs";
        writeFileSync("program.pid", String(process.pid));
        new postgresql.Role("r", { login: false }, opts);
        setInterval(() => undefined, 1000);
      `,
        silent.port,
      ),
    );
    const child = stack.start("up", "--yes", "--skip-preview");
    const ended = endOf(child);
    await silent.connected;
    const pid = Number(readFileSync(join(stack.directory, "program.pid"), "utf8"));
    expect(isRunning(pid)).toBe(true);
    return { child, ended, pid };
  }

  it("ends at Ctrl-C, and the program with it; the next one goes on from there", async () => {
    const { child, ended, pid } = await startWaiting();
    child.kill("SIGINT");
    const { code, output } = await ended;
    expect(code).not.toBe(0);
    expect(output).toContain("cancelled");
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), 5_000);
    stack.write(program(""));
    const next = await stack.run("up", "--yes", "--skip-preview");
    expect(next.output).not.toContain("error:");
    expect(next.code).toBe(0);
  }, 60_000);

  it("leaves no process behind when the engine is killed", async () => {
    const { child, pid } = await startWaiting();
    child.kill("SIGKILL");
    await vi.waitFor(() => expect(isRunning(pid)).toBe(false), 5_000);
  }, 60_000);
});
