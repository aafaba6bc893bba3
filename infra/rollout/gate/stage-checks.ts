import { formatCount, formatPercent } from "../evidence/format.ts";
import type { SideWindow } from "../evidence/windows.ts";
import { byVerdict, judgedHere, missing, noVerdict, noWindow } from "./checks.ts";
import type { Check, GateInput, Questions } from "./checks.ts";
import { memory, resources, withoutFinding, workers } from "./figure-checks.ts";

/**
 * What the design series asks for at 5, 25, 50 and 100 %: of the machine what can be read from the journal and the
 * cluster, of people the rest. A stage is asked what its share and all smaller ones are asked.
 */
export function stageQuestions(input: GateInput): Questions {
  const { percentage } = input.stage;
  const checks: Check[] = [];
  const people: string[] = [];
  const ask = (questions: Questions) => {
    checks.push(...questions.checks);
    people.push(...questions.people);
  };
  if (percentage >= 1) {
    checks.push(errorRate(input), latency(input));
    ask(memory(input));
    checks.push(workers(input));
    people.push("V2's circuit breaker opened and closed when it had to (validate in a rehearsal)");
  }
  if (percentage >= 25) {
    checks.push(scaling(input), affinity(input), telemetry(input), unexpectedErrors(input));
    people.push("the stage saw a peak of the day's load");
  }
  if (percentage >= 50) {
    checks.push(comparison(input));
    ask(resources(input));
    people.push(
      "cost of V2 against V1",
      "decisions of V2's optimizer, and patterns among its errors",
    );
  }
  if (percentage === 100) {
    checks.push(fallbacks(input));
    people.push("every feature is in use on V2", "documents are complete, and V1 can be removed");
  }
  return { checks, people };
}

function inWindow(
  input: GateInput,
  name: string,
  judge: (v1: SideWindow, v2: SideWindow) => Omit<Check, "name" | "window">,
): Check {
  const { window, thresholds } = input;
  if (judgedHere(input) === undefined) return { name, window: "–", ...missing(noVerdict) };
  if (window === undefined) return { name, window: "–", ...missing(noWindow) };
  const { v1, v2 } = window.sides;
  const over = `the last ${Math.round(window.seconds)} s`;
  const least = thresholds.window.minimumRequests;
  if (v2.requests < least) {
    const observed = `${formatCount(v2.requests)} requests of V2, ${formatCount(least)} needed to judge`;
    return { name, window: over, ...missing(observed) };
  }
  return { name, window: over, ...judge(v1, v2) };
}

function errorRate(input: GateInput): Check {
  const limit = input.thresholds.alert.errorRatePercent;
  return inWindow(input, "error rate", (_v1, v2) => {
    const rate = v2.failed / v2.requests;
    return {
      observed: `${formatPercent(rate)} of V2's requests`,
      limit: `at most ${limit} %`,
      passed: 100 * rate <= limit,
    };
  });
}

function latency(input: GateInput): Check {
  const limit = input.thresholds.alert.p99Milliseconds;
  return inWindow(input, "latency", (_v1, { p99 }) => ({
    observed: p99 === null ? "no answer was timed" : `V2's p99 is ${p99} ms`,
    limit: `at most ${limit} ms`,
    passed: p99 === null ? null : p99 <= limit,
  }));
}

function scaling({ v2Pods }: GateInput): Check {
  const check = { name: "scaling", window: "now", limit: "every wanted pod of V2 ready" };
  if (v2Pods === undefined) return { ...check, observed: "not read", passed: null };
  const { ready, wanted } = v2Pods;
  return {
    ...check,
    observed: `${ready} of ${wanted} ready`,
    passed: ready >= wanted && wanted > 0,
  };
}

function affinity(input: GateInput): Check {
  const check = { name: "session affinity", window: "this attempt", limit: "0 sessions elsewhere" };
  return byVerdict(input, check, ({ row: { routers } }) => {
    const count = routers.reduce((sum, { mispredicted }) => sum + mispredicted, 0);
    return { observed: `${formatCount(count)} decisions elsewhere`, passed: count === 0 };
  });
}

function telemetry(input: GateInput): Check {
  const check = { name: "telemetry", window: "this attempt", limit: "0 lines lost or unreadable" };
  return byVerdict(input, check, ({ row: { routers } }) => {
    const lost = routers.reduce((sum, { lostLines }) => sum + lostLines, 0);
    return { observed: `${formatCount(lost)} lines`, passed: lost === 0 };
  });
}

function unexpectedErrors(input: GateInput): Check {
  const check = {
    name: "unexpected errors",
    window: "this attempt",
    limit: "no e-value above 20 for wrong, stuck or not found answers",
  };
  return byVerdict(input, check, ({ verdict: { findings } }) => {
    const against = findings.filter(
      ({ sli, action }) =>
        (sli === "wrong" || sli === "stuck" || sli === "notFound") &&
        (action === "hold" || action === "rollback"),
    );
    const observed = against.map(({ text }) => text).join("; ") || "nothing found";
    return { observed, passed: against.length === 0 };
  });
}

function comparison(input: GateInput): Check {
  const most = input.thresholds.alert.degradation;
  return inWindowOfBoth(
    input,
    withoutFinding(input, "V1 and V2 compared", `degradation at most ${most}`, [
      "alert-degradation",
      "limit-error-ratio",
      "limit-p99-ratio",
    ]),
  );
}

/** A comparison needs both sides; at 100 % there is no V1 to compare with, which is said and does not hold. */
function inWindowOfBoth(input: GateInput, check: Check): Check {
  if (input.stage.percentage === 100) {
    return { ...check, observed: "no V1 to compare with at 100 %", passed: true };
  }
  return inWindow(input, check.name, (v1) => ({
    observed: check.observed,
    limit: check.limit,
    passed: v1.requests >= input.thresholds.window.minimumRequests ? check.passed : null,
  }));
}

function fallbacks({ routers: { reports }, routers }: GateInput): Check {
  const check = { name: "V2 alone", window: "now", limit: "every router sees ready V2 hosts" };
  if (reports.length < routers.expected)
    return { ...check, observed: "routers missing", passed: null };
  const least = Math.min(...reports.map(({ readyHosts }) => readyHosts.v2));
  return { ...check, observed: `at least ${least} ready V2 hosts in each`, passed: least > 0 };
}
