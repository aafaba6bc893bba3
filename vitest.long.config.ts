import { defineConfig } from "vitest/config";

/** Tests with inputs in large numbers, of which `npm test` takes a sample. */
export default defineConfig({
  test: {
    include: ["test/**/*.long.ts"],
    pool: "forks",
    maxWorkers: 2,
    globalSetup: "test/lib/postgres-template.ts",
  },
});
