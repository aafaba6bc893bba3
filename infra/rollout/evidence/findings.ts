import type { Sli } from "./slis.ts";

/**
 * What a finding asks for, the worst first: `rollback` takes V2 off traffic, `unknown` says that nothing can be
 * decided, `hold` keeps the next stage from starting, `alert` tells people, `none` is for information.
 */
export const actions = ["rollback", "unknown", "hold", "alert", "none"] as const;

/** What a finding asks for. */
export type Action = (typeof actions)[number];

/**
 * What an action rests on: `bound` = a sequential test within the bound on false rollbacks, `with evidence` = a fixed
 * limit that the session evidence confirms, `alone, outside the bound` = a fixed limit or a test without a control,
 * `data` = the state of the data.
 */
type Basis = "bound" | "with evidence" | "alone, outside the bound" | "data";

/** One thing that an evaluation found. */
export interface Finding {
  /** Stable name, for alerts that are sent once and for runbooks. */
  readonly code: string;
  /** Indicator concerned; absent where it is none in particular. */
  readonly sli?: Sli;
  readonly action: Action;
  readonly basis: Basis;
  /** Whether people are to be told at once. */
  readonly page: boolean;
  /** One sentence for people, without a full stop. */
  readonly text: string;
}

/** All findings, the worst first; the order of those that came in does not matter. */
function sortFindings(findings: readonly Finding[]): readonly Finding[] {
  return [...findings].sort(
    (a, b) =>
      actions.indexOf(a.action) - actions.indexOf(b.action) ||
      compare(a.code, b.code) ||
      compare(a.sli ?? "", b.sli ?? "") ||
      compare(a.text, b.text) ||
      compare(a.basis, b.basis) ||
      Number(b.page) - Number(a.page),
  );
}

/** Kind of a verdict. */
export type VerdictKind = "rollback" | "hold" | "pass" | "unknown";

/** State in one word, as the design series names it. */
type Severity = "healthy" | "warning" | "critical";

/** What follows from all findings together: the worst one decides. */
export interface Decision {
  readonly kind: VerdictKind;
  readonly severity: Severity;
  readonly page: boolean;
  /** Everything that was found, the worst first. */
  readonly findings: readonly Finding[];
  /** Sentences of the findings that decided; for `pass` what it can say. */
  readonly reasons: readonly string[];
}

/** Decides on findings in any order. */
export function decide(findings: readonly Finding[]): Decision {
  const sorted = sortFindings(findings);
  const worst = sorted[0]?.action ?? "none";
  const kind = worst === "alert" || worst === "none" ? "pass" : worst;
  const deciding = sorted.filter(({ action }) => action === kind).map(({ text }) => text);
  return {
    kind,
    severity:
      worst === "rollback"
        ? "critical"
        : sorted.some(({ action, page }) => action === "alert" || action === "unknown" || page)
          ? "warning"
          : "healthy",
    page: sorted.some(({ page }) => page),
    findings: sorted,
    reasons:
      kind === "pass"
        ? sorted.filter(({ action }) => action === "none").map(({ text }) => text)
        : deciding,
  };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
