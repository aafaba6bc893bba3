import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stateRoot } from "./paths.ts";

/** Shows a long task as named steps, each with its elapsed and its expected time. */
export interface Progress {
  /**
   * Runs one step. `detail` replaces the text behind the step's title while it runs.
   * Steps may run side by side.
   */
  step<T>(title: string, action: (detail: (text: string) => void) => Promise<T>): Promise<T>;
  /** A line of its own between the steps. */
  note(text: string): void;
}

/** How long a step took the last time on this machine, by title, in milliseconds. */
type Durations = Record<string, number>;

function durationsFile(): string {
  return join(stateRoot(), "durations.json");
}

function readDurations(): Durations {
  try {
    return JSON.parse(readFileSync(durationsFile(), "utf8")) as Durations;
  } catch {
    return {};
  }
}

function rememberDuration(title: string, milliseconds: number): void {
  const file = durationsFile();
  try {
    mkdirSync(dirname(file), { recursive: true });
    const temporary = `${file}.${process.pid}`;
    writeFileSync(
      temporary,
      JSON.stringify({ ...readDurations(), [title]: Math.round(milliseconds) }, undefined, 2),
    );
    renameSync(temporary, file);
  } catch {
    // An estimate that cannot be stored is no reason to fail the work it estimates.
  }
}

/** `4.2 s`, `3 min 20 s`: for people. */
export function formatDuration(milliseconds: number): string {
  const seconds = milliseconds / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

const repeatMilliseconds = 15_000;
const redrawMilliseconds = 200;

/**
 * Progress on a stream: on a terminal one live line, elsewhere one line when a step ends and
 * one every 15 seconds while it lasts. An estimate is what the step took the last time here; the
 * first time, titles carry the range that was measured on other machines, or none.
 */
export function streamProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  const running = new Map<symbol, () => string>();
  const clearLine = (): void => {
    if (stream.isTTY) stream.write("\r\u001b[2K");
  };
  const drawLine = (): void => {
    if (!stream.isTTY || running.size === 0) return;
    const text = [...running.values()].map((line) => line()).join(" | ");
    stream.write(`\r\u001b[2K${text.slice(0, (stream.columns || 80) - 1)}`);
  };
  const print = (text: string): void => {
    clearLine();
    stream.write(`${text}\n`);
    drawLine();
  };
  return {
    note: print,
    async step(title, action) {
      const id = Symbol(title);
      const start = performance.now();
      const expected = readDurations()[title];
      const estimate =
        expected === undefined ? "" : `, last time ${formatDuration(expected)} in all`;
      let detail = "";
      const line = (): string =>
        `  … ${title} ${formatDuration(performance.now() - start)}${estimate}${detail && `: ${detail}`}`;
      running.set(id, line);
      drawLine();
      const timer = setInterval(
        () => (stream.isTTY ? drawLine() : print(line())),
        stream.isTTY ? redrawMilliseconds : repeatMilliseconds,
      );
      timer.unref();
      try {
        const result = await action((text) => {
          detail = text;
        });
        running.delete(id);
        const milliseconds = performance.now() - start;
        rememberDuration(title, milliseconds);
        print(`  ✓ ${title} (${formatDuration(milliseconds)})`);
        return result;
      } catch (error) {
        running.delete(id);
        print(`  ✗ ${title} (after ${formatDuration(performance.now() - start)})`);
        throw error;
      } finally {
        clearInterval(timer);
      }
    },
  };
}

/** Progress that shows nothing, for callers whose work is quick or which report themselves. */
export const silentProgress: Progress = {
  step: (_title, action) => action(() => undefined),
  note: () => undefined,
};
