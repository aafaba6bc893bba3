import { defineConfig } from "vitest/config";

/** Files that only call functions, and need no PostgreSQL prepared for them. */
const functions = ["test/{components,config,rollout,snapshots}/**/*.test.ts"];

/** Tests that need no root and no cluster; what they need (Envoy, engine, PostgreSQL) is a process. */
export default defineConfig({
  test: {
    exclude: ["test/cluster/**"],
    pool: "forks",
    maxWorkers: 3,
    isolate: false,
    // The many processes that tests start load code that is compiled already.
    env: { NODE_COMPILE_CACHE: new URL("node_modules/.cache/node", import.meta.url).pathname },
    testTimeout: 30_000,
    hookTimeout: 120_000,
    projects: [
      {
        extends: true,
        test: {
          name: "processes",
          include: ["test/**/*.test.ts"],
          exclude: functions,
          globalSetup: "test/lib/postgres-template.ts",
        },
      },
      {
        extends: true,
        test: {
          name: "functions",
          include: functions,
        },
      },
    ],
  },
});
