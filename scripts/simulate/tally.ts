import { parseDecisionLine } from "../../infra/rollout/decision-log.ts";
import type { DecisionLine } from "../../infra/rollout/decision-log.ts";
import type { Counts, SideCounts } from "../../infra/rollout/evidence/counts.ts";
import { noCounts } from "../../infra/rollout/evidence/counts.ts";
import { durationKey } from "../../infra/rollout/evidence/durations.ts";
import { badSlis, slis } from "../../infra/rollout/evidence/slis.ts";

/** Counts decision log lines of one router, keeping every session: for simulations, not for a long-running agent. */
export class Tally {
  counts: Counts = {};
  readonly #seen = new Set<string>();

  /** @throws RangeError when the text is no line of the decision log */
  add(text: string, slowMilliseconds: number): void {
    const line = parseDecisionLine(text);
    if (line === undefined) throw new RangeError(`No line of the decision log: ${text}`);
    const { decided, percentage } = line;
    if (decided === undefined || percentage === undefined) return;
    const key = String(percentage);
    const sides = this.counts[key] ?? { v1: noCounts, v2: noCounts };
    const after = this.#after(sides[decided], line, slowMilliseconds);
    this.counts = { ...this.counts, [key]: { ...sides, [decided]: after } };
  }

  #after(before: SideCounts, line: DecisionLine, slowMilliseconds: number): SideCounts {
    const session = line.sessionId ?? line.requestId;
    const stage = `${String(line.percentage)} ${session}`;
    const is = badSlis(line, { slowMilliseconds, firstAfterMove: false });
    const bad = { ...before.bad };
    for (const sli of slis.filter((name) => is.includes(name))) {
      const { requests, sessions, firstInAttempt } = bad[sli];
      bad[sli] = {
        requests: requests + 1,
        sessions: sessions + this.#new(`${sli} ${stage}`),
        firstInAttempt: firstInAttempt + this.#new(`${sli} * ${session}`),
      };
    }
    const key = durationKey(line.durationMs);
    return {
      requests: before.requests + 1,
      sessions: before.sessions + this.#new(stage),
      bad,
      durations: { ...before.durations, [key]: (before.durations[key] ?? 0) + 1 },
    };
  }

  #new(key: string): 0 | 1 {
    if (this.#seen.has(key)) return 0;
    this.#seen.add(key);
    return 1;
  }
}
