import { defineConfig } from "vitest/config";

/** Tests on a real cluster in namespaces of its own: one file at a time, they share the machine. */
export default defineConfig({
  test: {
    include: ["test/cluster/**/*.test.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 240_000,
    hookTimeout: 600_000,
  },
});
