import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  findEnvironment,
  startEnvironment,
  type Environment,
  type ImageReferences,
} from "../../scripts/local/environment.ts";
import { environmentName, projectRoot } from "../../scripts/local/paths.ts";
import { AdminDatabase } from "../../scripts/rehearsal/admin-database.ts";
import { clusterObjects } from "../../scripts/rehearsal/leftovers.ts";
import { StackCommands } from "../../scripts/rehearsal/stack-commands.ts";
import { copyWorkDirectory, removeWorkDirectory } from "../../scripts/rehearsal/work-directory.ts";
import { pageBlocks, runPage } from "./support/page.ts";

const blocks = pageBlocks(readFileSync(join(projectRoot, "docs/own-cluster.md"), "utf8"));
const stack = "own-cluster";
const poolDatabase = "pools_own_cluster";
const stackDatabase = "pool_migration";

let environment: Environment;
let started: boolean;
let images: ImageReferences;
let directory: string;
let home: string;
let commands: StackCommands;
let database: AdminDatabase;
let before: Set<string>;
let values: string;

beforeAll(async () => {
  const found = findEnvironment(environmentName());
  started = found === undefined;
  environment = found ?? (await startEnvironment({}));
  images = await environment.loadImages();
  directory = copyWorkDirectory();
  home = mkdtempSync(join(tmpdir(), "pool-migration-home-"));
  database = new AdminDatabase(environment);
  commands = new StackCommands({ environment, stack, directory });
  before = await clusterObjects(commands);
  const url = await database.createPoolDatabase(poolDatabase, "only-for-this-test");
  const secret = (name: string, text: string) => {
    writeFileSync(join(home, name), text, { mode: 0o600 });
    return join(home, name);
  };
  values = Object.entries({
    STACK: stack,
    ROUTER_IMAGE: images.router,
    TOOLS_IMAGE: images.tools,
    V1_IMAGE: images["pool-v1"],
    V2_IMAGE: images["pool-v2"],
    DATABASE_HOST: environment.postgres.host,
    DATABASE_ADMIN: environment.postgres.user,
    DATABASE_PASSWORD_FILE: environment.postgres.passwordFile,
    POOL_DATABASE_URL_FILE: secret("pool-database-url", url),
  })
    .map(([name, value]) => `export ${name}='${value}'`)
    .join("\n");
  chmodSync(home, 0o700);
});

afterAll(async () => {
  await commands.forget();
  await commands.kubectl(["delete", "namespace", commands.namespace, "--ignore-not-found"]);
  await database.dropStackDatabase(stackDatabase);
  await database.dropPoolDatabase(poolDatabase);
  removeWorkDirectory(directory);
  rmSync(home, { recursive: true, force: true });
  if (started) await environment.stop();
});

it("the page says which of its commands are not run, and these alone are not", () => {
  const skipped = blocks.flatMap(({ kind, name }) => (kind === "unverified" ? [name] : []));
  expect(skipped).toEqual([
    "npm ci",
    "pulumi login",
    "docker build and push",
    "docker buildx",
    "LoadBalancer",
  ]);
  const run = blocks.filter(({ kind }) => kind === "run").map(({ text }) => text);
  expect(run.length).toBeGreaterThan(12);
  expect(run.join("\n")).not.toMatch(/\bdocker\b/);
});

it("the page's values are all given by the test, none is left as it stands", () => {
  const names = (text: string) => [...text.matchAll(/^export (\w+)=/gm)].map(([, name]) => name);
  const own = blocks.filter(({ kind }) => kind === "values").flatMap(({ text }) => names(text));
  expect(own).toEqual(names(values));
});

it("its commands, one after the other, lead to the first 5 % and back", async () => {
  const outputs = await runPage(environment, blocks, { values, directory, home });
  const after = (command: string): string => {
    const found = [...outputs].find(([text]) => text.includes(command));
    expect(found, `a block with ${command}`).toBeDefined();
    return found?.[1] ?? "";
  };
  expect(after("npm run preflight")).toMatch(/^ok +images +/m);
  expect(after("npm run preflight")).toMatch(/^ok +database .* reached from inside too$/m);
  expect(after("curl")).toMatch(/^x-rollout: r[0-9.]+;0\r?$/m);
  const selectors = after("router.entry' inline").match(/\{"app\.kubernetes\.io\/name":.*\}/g);
  expect(selectors).toEqual([
    '{"app.kubernetes.io/name":"router"}',
    '{"app.kubernetes.io/name":"pool-v1"}',
  ]);
  expect(after("stage p5")).toMatch(/"0" => "5"/);
  expect(after("stage p5")).toMatch(/^applied +5 %/m);
  expect(after("npm run brake")).toMatch(/all traffic on V1: 2 of 2 router replicas apply 0 %/);
  expect(after("npm run brake")).toMatch(/^applied +0 %/m);
  expect(after("break-glass")).toMatch(/anonymous/);
  expect(after("stage shadow\npulumi up")).toMatch(/^applied +0 %/m);
  const left = [...(await clusterObjects(commands))].filter((name) => !before.has(name));
  expect(left).toEqual([]);
  expect(await database.objectsNamed(stackDatabase)).toEqual([]);
}, 300_000);
