import { readFileSync } from "node:fs";
import { z } from "zod";
import { replaceFile } from "./atomic-file.ts";
import { emptyEvidence, evidenceStateSchema } from "./evidence.ts";

const count = z.int().min(0);
const sideCounts = z.strictObject({ requests: count, failed: count, fallbacks: count });

const stateSchema = z.strictObject({
  /** Engagements held; kept until a release names them. */
  held: z.array(
    z.strictObject({
      id: z.string(),
      who: z.string(),
      when: z.string(),
      why: z.string(),
      source: z.string().optional(),
    }),
  ),
  /** The ConfigMap `brake` as last seen; absent: never seen, or not there. */
  brake: z
    .strictObject({ resourceVersion: z.string(), data: z.record(z.string(), z.string()) })
    .optional(),
  /** Last usable content of the ConfigMap `rollout`. */
  rollout: z
    .strictObject({ resourceVersion: z.string(), stage: z.string(), percentage: count })
    .optional(),
  /** Everything read from the decision log up to the cursor. */
  log: z.strictObject({
    /** First byte that is not counted yet; inode 0: nothing was read. */
    cursor: z.strictObject({ inode: count, offset: count }),
    linesRead: count,
    unreadableLines: count,
    decisions: z.strictObject({ v1: sideCounts, v2: sideCounts }),
    overrides: z.strictObject({ v1: count, v2: count }),
  }),
  /** Comparison with Envoy's own count. */
  loss: z.strictObject({
    /** Begin of the Envoy process compared with, milliseconds since 1970; 0: none yet. */
    envoyStart: z.number(),
    /** Lines that had been read when this process was first seen. */
    linesBefore: count,
    /** Envoy's count and the lines read when it was asked last. */
    lastSample: z.strictObject({ completed: count, linesRead: count }),
    /** Lines lost of earlier processes, and of this one. */
    lostEarlier: count,
    lost: count,
  }),
  /** What is known about the attempt, up to the cursor. */
  evidence: evidenceStateSchema,
});

/** What an agent remembers over its own restarts. */
export type AgentState = z.infer<typeof stateSchema>;

/** Counts and cursor of the decision log. */
export type LogState = AgentState["log"];

/** Comparison with Envoy's own count. */
export type LossState = AgentState["loss"];

/** State of an agent that has seen nothing. */
export function emptyState(): AgentState {
  const counts = () => ({ requests: 0, failed: 0, fallbacks: 0 });
  return {
    held: [],
    log: {
      cursor: { inode: 0, offset: 0 },
      linesRead: 0,
      unreadableLines: 0,
      decisions: { v1: counts(), v2: counts() },
      overrides: { v1: 0, v2: 0 },
    },
    loss: {
      envoyStart: 0,
      linesBefore: 0,
      lastSample: { completed: 0, linesRead: 0 },
      lostEarlier: 0,
      lost: 0,
    },
    evidence: emptyEvidence(),
  };
}

/**
 * Reads the state that an earlier process left; undefined where there is none.
 *
 * @throws Error when the file is there and cannot be used
 */
export function readState(path: string): AgentState | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return stateSchema.parse(JSON.parse(text));
}

/**
 * Keeps the state. Counts and cursor travel in one file, so that a killed agent neither loses nor repeats a line.
 *
 * @param durable whether it must outlive a crash of the machine, as engagements of the brake must
 */
export function writeState(path: string, state: AgentState, durable: boolean): void {
  replaceFile(path, JSON.stringify(state), { durable });
}
