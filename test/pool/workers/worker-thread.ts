import { setTimeout as delay } from "node:timers/promises";
import { parentPort } from "node:worker_threads";
import { ProgramFailure, runProgram } from "../program.ts";
import type { Command, Pong, Reply, Request } from "./messages.ts";

/** Memory that a fault makes this worker lose. */
const leaked: Buffer[] = [];

parentPort?.on("message", (request: Request) => {
  void answer(request).then((reply) => {
    if (reply) parentPort?.postMessage(reply);
  });
});

/** Answers one request; undefined = never. */
export async function answer({
  id,
  command,
  latencyMs,
  hang,
}: Request): Promise<Reply | undefined> {
  if (hang) return undefined;
  if (latencyMs > 0) await delay(latencyMs);
  try {
    return { id, success: true, result: await perform(command) };
  } catch (error) {
    const kind = error instanceof ProgramFailure ? "program" : "worker";
    return { id, success: false, kind, error: (error as Error).message };
  }
}

async function perform(command: Command): Promise<unknown> {
  switch (command.command) {
    case "noop":
      return null;
    case "ping": {
      // Of a thread's own; the resident set belongs to the whole process.
      const { heapTotal, external } = process.memoryUsage();
      return { memoryBytes: heapTotal + external } satisfies Pong;
    }
    case "execute":
      if (command.executionMs > 0) await delay(command.executionMs);
      return runProgram(command.definition, command.inputs);
    case "leak":
      leaked.push(Buffer.alloc(command.bytes, 1));
      return null;
  }
}
