import {
  appendFileSync,
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
} from "node:fs";
import { join } from "node:path";
import type { EvaluationState } from "../../../infra/rollout/evidence/evaluate.ts";
import { eventBytes } from "../../../infra/rollout/evidence/session-events.ts";
import type { Attempt } from "../../../infra/rollout/evidence/attempt.ts";
import type { CollectorSnapshot } from "./collector.ts";
import type { Stage } from "./stage-watch.ts";

/** Everything that a guard knows and could not ask for again after a restart of its container. */
export interface GuardSnapshot {
  readonly attempt: Attempt;
  readonly collected: CollectorSnapshot;
  /** State of the evaluation; null: there was none yet. */
  readonly state: EvaluationState | null;
  readonly stage: Stage;
}

const newline = 0x0a;

/** Keeps a guard's knowledge in the pod's directory: a line of JSON, then the session events as they are. */
export class SnapshotFile {
  private readonly path: string;

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true });
    this.path = join(directory, "snapshot");
  }

  /**
   * Writes it in one step.
   *
   * @returns its size, bytes
   */
  write(snapshot: GuardSnapshot): number {
    const { collected } = snapshot;
    const { sessions, ...union } = collected.union;
    const head = JSON.stringify({ ...snapshot, collected: { ...collected, union } });
    const file = openSync(`${this.path}.new`, "w", 0o600);
    let size: number;
    try {
      appendFileSync(file, `${head}\n`);
      // Part by part: put together, those of millions of sessions would be in memory once more.
      for (const part of sessions) appendFileSync(file, part);
      size = fstatSync(file).size;
    } finally {
      closeSync(file);
    }
    renameSync(`${this.path}.new`, this.path);
    return size;
  }

  /**
   * Reads what was written last; undefined where there is nothing.
   *
   * @throws Error where it cannot be read
   */
  read(): GuardSnapshot | undefined {
    let content: Buffer;
    try {
      content = readFileSync(this.path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    const end = content.indexOf(newline);
    const head = JSON.parse(content.toString("utf8", 0, end)) as Omit<
      GuardSnapshot,
      "collected"
    > & {
      collected: Omit<CollectorSnapshot, "union"> & {
        union: Omit<CollectorSnapshot["union"], "sessions">;
      };
    };
    const { collected } = head;
    const union = { ...collected.union, sessions: partsOf(content.subarray(end + 1)) };
    return { ...head, collected: { ...collected, union } };
  }
}

/** Bytes of session events that are read at once. */
const partBytes = 6_000 * eventBytes;

function* partsOf(events: Buffer): Generator<Buffer> {
  for (let at = 0; at < events.length; at += partBytes) yield events.subarray(at, at + partBytes);
}
