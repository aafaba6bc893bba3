import { setImmediate as nextTurn } from "node:timers/promises";
import type { DecisionLine } from "../../../infra/rollout/decision-log.ts";
import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import type { AgentState } from "./agent-state.ts";
import { countLine } from "./decision-counts.ts";
import type { EnvoyView } from "./envoy-admin.ts";
import { LogReader } from "./log-reader.ts";
import { LostLines } from "./lost-lines.ts";

/** Between two comparisons with Envoy's count. Milliseconds. */
const sampleInterval = 1_000;

/** What the decision log says, counted, and compared with what Envoy counted. */
export class DecisionAccount {
  private readonly state: Pick<AgentState, "log" | "loss">;
  private readonly reader: LogReader;
  private readonly lost: LostLines;
  private sampledAt = 0;
  private reading: Promise<void> = Promise.resolve();

  constructor(options: {
    /** Kept up to date. */
    readonly state: Pick<AgentState, "log" | "loss">;
    readonly path: string;
    readonly rotateBytes: number;
    readonly reopen: () => Promise<void>;
    /** Told every line that can be read. */
    readonly onDecision: (line: DecisionLine) => void;
    readonly onFinished: () => void;
  }) {
    const { state } = options;
    this.state = state;
    this.lost = new LostLines(state.loss);
    this.reader = new LogReader({
      ...options,
      cursor: state.log.cursor,
      onLine: (text) => {
        const line = countLine(state.log, text);
        if (line === undefined) return;
        this.lost.line(line.startTime + line.durationMs);
        options.onDecision(line);
      },
    });
  }

  /** Reads the log to its present end, once whoever reads it now is done. */
  async read(): Promise<void> {
    const before = this.reading;
    this.reading = before.catch(() => undefined).then(() => this.readToEnd());
    await this.reading;
  }

  /** Compares with Envoy's own count. */
  async compare(view: EnvoyView | undefined): Promise<void> {
    const { log } = this.state;
    if (view !== undefined && view.time - this.sampledAt >= sampleInterval) {
      this.sampledAt = view.time;
      this.lost.sample(view, log.linesRead);
    }
    await this.read();
    this.lost.settle(view, log.linesRead);
  }

  /** Lines that were lost or could not be read, since the pod started. */
  get missing(): number {
    return this.lost.total + this.state.log.unreadableLines;
  }

  /** Counts since the pod started. */
  get report(): Pick<AgentReport, "decisions" | "overrides" | "log"> {
    const { decisions, overrides, linesRead, unreadableLines } = this.state.log;
    return {
      decisions,
      overrides,
      log: { linesRead, unreadableLines, lostLines: this.lost.total },
    };
  }

  close(): void {
    this.reader.close();
  }

  private async readToEnd(): Promise<void> {
    // In turns: after an absence there may be much to read, and the brake must not wait for it.
    while (!(await this.reader.poll())) await nextTurn();
  }
}
