import { defineConfig } from "vitest/config";

/** Tests that need no root and no cluster; what they need (Envoy, engine, PostgreSQL) is a process. */
export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/cluster/**"],
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 120_000,
  },
});
