import type { Finding } from "./findings.ts";
import { formatEValue } from "./format.ts";
import type { Excess } from "./limits.ts";
import type { MemoryState } from "./memory-growth.ts";
import type { Thresholds } from "./settings.ts";
import { gateEValue } from "./sli-findings.ts";
import type { Sli } from "./slis.ts";

/** A fixed limit with the number of windows in a row, at one percentage, that exceeded it; as plain JSON. */
export interface Streak extends Excess {
  readonly windows: number;
}

/** Streaks after one more window: those that it does not exceed end. */
export function nextStreaks(streaks: readonly Streak[], found: readonly Excess[]): Streak[] {
  return found.map((excess) => ({
    ...excess,
    windows: 1 + (streaks.find(({ code }) => code === excess.code)?.windows ?? 0),
  }));
}

/**
 * What the fixed limits ask for once enough windows in a row exceeded them. A limit that needs evidence rolls back
 * with a relative e-value of 20 for its SLI, and at 100 %, where no control is left, alone.
 *
 * @param logEValue relative evidence of an SLI at the present percentage
 */
export function limitFindings(
  streaks: readonly Streak[],
  percentage: number,
  { window }: Thresholds,
  logEValue: (sli: Sli) => number,
): Finding[] {
  return streaks
    .filter(({ windows }) => windows >= window.consecutive)
    .map(({ code, kind, sli, text, windows }) => {
      const lasting = `${text} (${String(windows)} windows in a row)`;
      const finding = { code, page: true, ...(sli === null ? {} : { sli }) };
      if (kind === "alert") {
        return { ...finding, action: "alert", basis: "alone, outside the bound", text: lasting };
      }
      if (kind === "alone" || sli === null || percentage === 100) {
        return { ...finding, action: "rollback", basis: "alone, outside the bound", text: lasting };
      }
      const evidence = logEValue(sli);
      const agrees = evidence >= Math.log(gateEValue);
      const told = `${lasting}; e-value of the sessions ${formatEValue(evidence)} of ${String(gateEValue)}`;
      return {
        ...finding,
        action: agrees ? "rollback" : "hold",
        basis: "with evidence",
        text: told,
      };
    });
}

/** What the growth of V2's memory asks for. */
export function memoryFindings(
  { streak, growth }: MemoryState,
  { window, rollback }: Thresholds,
): Finding[] {
  if (growth === null || streak < window.consecutive) return [];
  return [
    {
      code: "limit-memory-growth",
      action: "rollback",
      basis: "alone, outside the bound",
      page: true,
      text: `V2's memory grows by at least ${growth.toFixed(0)} % an hour, over ${String(rollback.memoryGrowthPercentPerHour)} %`,
    },
  ];
}
