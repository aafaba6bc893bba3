import { Worker as NodeThread } from "node:worker_threads";
import { describe, expect, it } from "vitest";
import type { Command } from "./workers/messages.ts";
import { WorkerPool } from "./workers/worker-pool.ts";

const limits = { checkoutTimeoutMs: 10_000, budgetMs: 10_000, operationTimeoutMs: 10_000 };
const noop: Command = { command: "noop" };

/** A thread that answers pings as it should, and everything else with what `answer` says of the request's id. */
function thread(answer: string): NodeThread {
  const script = `
    const { parentPort } = require("node:worker_threads");
    parentPort.on("message", ({ id, command }) => {
      const result = { memoryBytes: 1 };
      const isPing = command.command === "ping";
      parentPort.postMessage(isPing ? { id, success: true, result } : ${answer});
    });`;
  return new NodeThread(script, { eval: true });
}

describe("a worker that answers something that is no answer", () => {
  it.each([
    ["to another request", "{ id: id - 1, success: true, result: null }"],
    ["in another shape", "{ id, ok: true }"],
    ["with nothing at all", "null"],
  ])(
    "%s fails its caller with protocol_error, and another one takes its place",
    async (_, answer) => {
      const answers = [answer, "{ id, success: true, result: 'right' }"];
      const failures: string[] = [];
      const pool = new WorkerPool(
        {
          size: 1,
          maxConcurrent: 1,
          maxQueue: 1,
          initTimeoutMs: 10_000,
          startThread: () => thread(answers.shift() ?? "undefined"),
        },
        {
          started: () => undefined,
          failed: (reason) => void failures.push(reason),
          recovered: () => undefined,
          transition: () => undefined,
        },
      );
      try {
        await pool.fill("parallel");
        await expect(pool.run(noop, limits)).rejects.toMatchObject({
          code: "protocol_error",
          status: 502,
          retryable: true,
        });
        expect(await pool.run(noop, limits)).toBe("right");
        expect(failures).toEqual(["protocol_error"]);
      } finally {
        pool.stop();
      }
    },
  );
});
