import { defineConfig } from "vitest/config";

/** What takes longer than `npm test` may: inputs in large numbers, of which it takes a sample, and updates that fail. */
export default defineConfig({
  test: {
    include: ["test/**/*.long.ts"],
    pool: "forks",
    maxWorkers: 2,
    globalSetup: "test/lib/postgres-template.ts",
  },
});
