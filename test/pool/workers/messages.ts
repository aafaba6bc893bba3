import type { Definition } from "../program.ts";

/** What a worker is asked to do. */
export type Command =
  | { readonly command: "ping" }
  | { readonly command: "noop" }
  | {
      readonly command: "execute";
      readonly definition: Definition;
      readonly inputs: Record<string, unknown>;
      /** How long the program computes, milliseconds. */
      readonly executionMs: number;
    }
  | { readonly command: "leak"; readonly bytes: number };

/** A command on its way to a worker. */
export interface Request {
  readonly id: number;
  readonly command: Command;
  /** Time a fault adds before the command, milliseconds. */
  readonly latencyMs: number;
  /** A fault: never answer. */
  readonly hang: boolean;
}

/** A worker's answer. */
export type Reply =
  | { readonly id: number; readonly success: true; readonly result: unknown }
  | {
      readonly id: number;
      readonly success: false;
      /** `program` = the program raised; `worker` = anything else. */
      readonly kind: "program" | "worker";
      readonly error: string;
    };

/** What a worker tells on a ping. */
export interface Pong {
  /** Memory of the worker's own heap and buffers, bytes. */
  readonly memoryBytes: number;
}

/** Whether a message is the answer to the request with this id. */
export function isReplyTo(message: unknown, id: number): message is Reply {
  if (typeof message !== "object" || message === null) return false;
  const reply = message as Partial<Reply>;
  return reply.id === id && typeof reply.success === "boolean";
}
