import type { Budget } from "./budget.ts";
import type { Action, Finding } from "./findings.ts";
import { formatCount, formatEValue, formatPercent, formatRatio } from "./format.ts";
import { largestRatio } from "./request-ratio.ts";
import type { SliEvidence, TestResult } from "./sli-evidence.ts";
import { sliVerbs } from "./slis.ts";

/** An e-value of a relative test above this keeps a stage from passing, and lets a fixed limit or the absolute test act. */
export const gateEValue = 20;
const logGate = Math.log(gateEValue);

/** E-value of the relative tests that speaks about a stage: the larger of its own and the cumulative one. */
export function relativeEvidence(evidence: SliEvidence, percentage: number): number {
  const own = evidence.stages.find((stage) => stage.percentage === percentage);
  return Math.max(evidence.cumulative.logEValue, own?.logEValue ?? 0);
}

/**
 * What one SLI's evidence asks for. A relative test rolls back when its e-value has reached its limit and V2's
 * requests are bad more than `tolerated` times as often; it holds from 20. An absolute test rolls back only together
 * with a relative e-value of 20 while V1 serves. At 100 % it acts alone, outside the bound, but only where V2's share of bad
 * requests is more than tolerated as well: that of sessions that ever turned bad grows as long as they last.
 */
export function sliFindings(evidence: SliEvidence, budget: Budget, tolerated: number): Finding[] {
  const { sli, cumulative, stages, absolute, sessionRatio } = evidence;
  const verb = sliVerbs[sli];
  const judged = budget.slis.includes(sli);
  const findings: Finding[] = [];
  const add = (code: string, action: Action, text: string, page = true) =>
    findings.push({ code, sli, action, basis: "bound", page, text });
  const times =
    sessionRatio === null || sessionRatio === largestRatio
      ? " and V1's do not"
      : ` ${formatRatio(sessionRatio)} times as often as V1's`;
  const relative = (code: string, test: TestResult, limit: number, where: string) => {
    if (test.logEValue <= logGate) return;
    const reached = test.logEValue >= Math.log(limit);
    const worse = (test.requestRatio ?? 0) > tolerated;
    const text = `V2's sessions ${verb}${times}${where}; e-value ${formatEValue(test.logEValue)} of ${formatCount(limit)}`;
    if (reached && worse && judged) add(code, "rollback", text);
    else if (reached && !worse) add(code, "hold", `${text}, but its requests do not`);
    else add(code, "hold", text, reached);
  };
  relative("evidence-cumulative", cumulative, budget.cumulative, "");
  for (const stage of stages) {
    relative("evidence-stage", stage, budget.stage, ` at ${String(stage.percentage)} %`);
  }
  for (const { percentage, logEValue, requestRatio, requests } of absolute) {
    if (logEValue < Math.log(budget.stage)) continue;
    const text = `V2's sessions ${verb} more often than tolerated at ${String(percentage)} %; e-value ${formatEValue(logEValue)} of ${formatCount(budget.stage)}`;
    if (requests !== null) {
      const { share, tolerated: limit } = requests;
      const burns = share > limit;
      const told = `${text}, without a control; ${formatPercent(share)} of its requests are bad`;
      findings.push({
        code: "evidence-absolute",
        sli,
        action: !burns ? "none" : judged ? "rollback" : "hold",
        basis: "alone, outside the bound",
        page: burns,
        text: burns
          ? `${told}, over ${formatPercent(limit)}`
          : `${told}, within ${formatPercent(limit)}: sessions that last long turn bad in time`,
      });
    } else if (
      judged &&
      relativeEvidence(evidence, percentage) >= logGate &&
      (requestRatio ?? 0) > tolerated
    ) {
      add("evidence-absolute", "rollback", text);
    } else {
      add("evidence-absolute", "hold", `${text}; V1's do not differ enough to blame V2`);
    }
  }
  return findings;
}
