import { defineConfig } from "vitest/config";

/** Generated inputs in large numbers: too long for every run of the tests. */
export default defineConfig({
  test: { include: ["test/**/*.fuzz.ts"], pool: "forks", maxWorkers: 2 },
});
