import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rules } from "../../scripts/conformance/rules.ts";
import { runConformance } from "../../scripts/conformance/run-conformance.ts";
import { startPostgres, type TestPostgres } from "../lib/postgres.ts";
import { startInProcessPool, writeFlags } from "./in-process-pool.ts";
import { startProxy, type Proxy } from "./proxy.ts";
import { wrongServers } from "./wrong-servers.ts";

let postgres: TestPostgres;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "conformance-"));
  await writeFlags(join(directory, "flags.json"), "circuit_breaker");
  postgres = await startPostgres();
  await postgres.createDatabase("pool");
});

afterAll(async () => {
  await postgres.stop();
  await rm(directory, { recursive: true, force: true });
});

describe("a server that is wrong in one thing", () => {
  it("exists for every rule", () => {
    expect(Object.keys(wrongServers)).toEqual(rules.map(({ name }) => name));
  });

  it.concurrent.each(Object.entries(wrongServers))(
    "fails %s and no other rule",
    async (rule, wrong) => {
      const pool = await startInProcessPool("v2", postgres.url("pool"), {
        POOL_FLAGS_FILE: join(directory, "flags.json"),
      });
      const proxies: Proxy[] = [];
      const behind = async (url: string, change = () => ({})): Promise<string> => {
        const proxy = await startProxy(url, change());
        proxies.push(proxy);
        return proxy.url;
      };
      const { exitCode } = wrong;
      try {
        const { results } = await runConformance({
          url: await behind(pool.url, wrong.data),
          adminUrl: await behind(pool.adminUrl, wrong.admin),
          side: "v2",
          process: {
            terminate: () => pool.process.terminate(),
            exit: pool.process.exit.then((code) => exitCode ?? code),
          },
        });
        expect(results.filter(({ status }) => status !== "passed")).toEqual([
          { rule, status: "failed", detail: expect.any(String) as string },
        ]);
      } finally {
        for (const proxy of proxies) proxy.stop();
        await pool.stop();
      }
    },
    60_000,
  );
});
