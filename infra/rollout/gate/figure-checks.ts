import { judgedAfterSeconds } from "../evidence/memory-growth.ts";
import type { PoolFigure } from "../evidence/row.ts";
import { byVerdict, formatSeconds, judgedHere, missing, noWindow } from "./checks.ts";
import type { Check, GateInput, Questions } from "./checks.ts";

/** A check that no finding of these codes speaks against. */
export function withoutFinding(
  input: GateInput,
  name: string,
  limit: string,
  codes: readonly string[],
): Check {
  const check = { name, limit, window: "the windows of the limits" };
  return byVerdict(input, check, ({ verdict: { findings } }) => {
    const found = findings.filter(({ code }) => codes.includes(code));
    const observed = found.map(({ text }) => text).join("; ") || "nothing found";
    return { observed, passed: found.length === 0 };
  });
}

/**
 * The same for what is seen in V2's own figures. Nothing can be found in figures that nobody read: where one of them is
 * missing from the last window it cannot be decided.
 */
function inFigures(
  input: GateInput,
  name: string,
  limit: string,
  codes: readonly string[],
  figures: readonly PoolFigure[],
): Check {
  const check = withoutFinding(input, name, limit, codes);
  if (check.passed !== true) return check;
  if (input.window === undefined) return { ...check, ...missing(noWindow) };
  const { figures: read } = input.window.sides;
  if (read === null) return { ...check, ...missing("V2's figures were not read") };
  const absent = figures.filter((figure) => read[figure] === undefined);
  return absent.length === 0
    ? check
    : { ...check, ...missing(`V2's metrics do not offer ${absent.join(" and ")}`) };
}

const withoutContract = "with contract none";

const forMachine = (check: Check): Questions => ({ checks: [check], people: [] });

/** What can never be measured with the configuration in force: a check of it would stay undecided for good. */
const forPeople = (what: string, why: string): Questions => ({
  checks: [],
  people: [`${what}: not measured ${why}, look yourself`],
});

/** Growth of V2's memory. It can be judged only after a while at one share, and never without its metrics. */
export function memory(input: GateInput): Questions {
  const { rollback, memory: measuring, window } = input.thresholds;
  const most = rollback.memoryGrowthPercentPerHour;
  if (input.measured.contract === "none") {
    return forPeople(`whether V2's memory grows by more than ${most} % an hour`, withoutContract);
  }
  const limit = `at most ${most} % an hour, or ${measuring.floorMebibytes} MiB for a pod`;
  const figures = ["memoryBytesPerPod"] as const;
  const check = inFigures(input, "memory", limit, ["limit-memory-growth"], figures);
  if (check.passed !== true) return forMachine(check);
  const state = judgedHere(input)?.memory;
  if (state?.growth == null) {
    const needed = formatSeconds(judgedAfterSeconds(measuring));
    return forMachine({
      ...check,
      observed: `growth is not judged yet: that takes ${needed} at one share (thresholds.memory)`,
      passed: null,
    });
  }
  const growth = `lower bound of its growth ${state.growth.toFixed(1)} % an hour`;
  if (state.streak === 0) return forMachine({ ...check, observed: growth });
  const observed = `${growth}, over the limit in ${state.streak} samples in a row of the ${window.consecutive} that roll back`;
  return forMachine({ ...check, observed, passed: null });
}

/** Workers that failed; without the contract they are counted by what Kubernetes says of the pods. */
export function workers(input: GateInput): Check {
  const limit = `at most ${input.thresholds.rollback.workerFailurePercent} % fail`;
  const figures = ["workers", "workerFailures"] as const;
  return inFigures(input, "workers", limit, ["limit-worker-failures"], figures);
}

/** Use of CPU and memory, each a share of its limit. */
export function resources(input: GateInput): Questions {
  const { cpuPercent, memoryPercent } = input.thresholds.alert;
  const { contract, cpuLimit } = input.measured;
  const cpu = `CPU at most ${cpuPercent} %`;
  const ofMemory = `memory at most ${memoryPercent} %`;
  if (contract === "none") {
    return forPeople(`V2's use of its limits, ${cpu}, ${ofMemory}`, withoutContract);
  }
  const ask = (limit: string, codes: readonly string[], figures: readonly PoolFigure[]) =>
    inFigures(input, "resources", `${limit} of the limit`, codes, figures);
  if (cpuLimit) {
    const codes = ["alert-cpu", "alert-memory"];
    return forMachine(ask(`${cpu}, ${ofMemory}`, codes, ["cpuPercent", "memoryPercent"]));
  }
  const { people } = forPeople("V2's use of CPU", "without v2.resources.limits.cpu");
  return { checks: [ask(ofMemory, ["alert-memory"], ["memoryPercent"])], people };
}
