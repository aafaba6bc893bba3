import type { RehearsalResult } from "./result.ts";

/** The result of a rehearsal for people: a table of the stages, the figures, and what failed. */
export function resultTable(result: RehearsalResult): string {
  const rows = [
    ["stage", "commanded", "applied", "sessions on V2", "requests on V2", "up", "converged", ""],
    ...result.stages.map((stage) => [
      stage.stage,
      `${stage.commandedPercent} %`,
      stage.appliedPercent === undefined ? "differs" : `${stage.appliedPercent} %`,
      `${stage.observedSessionsPercent.toFixed(2)} % of ${stage.sessions}`,
      `${stage.observedRequestsPercent.toFixed(2)} %`,
      `${stage.upSeconds.toFixed(1)} s`,
      `${stage.convergenceSeconds.toFixed(1)} s`,
      stage.agrees ? "agree" : "DIFFER",
    ]),
  ];
  const { entry, brake, directBrake, brokenImage, engine } = result;
  const providers = Object.entries(result.providers).map(
    ([name, { version, kind }]) => `${name} ${version} (${kind})`,
  );
  const figures = [
    [
      "requests",
      `${result.requests}, ${result.lostRequests} lost, ${result.failedRequests} failed, ${result.reportedRequests} reported`,
    ],
    ["decisions", `${result.mispredictedDecisions} mispredicted, ${result.fallbacks} fallbacks`],
    ["programs", `${result.programs} acknowledged, ${result.programsLost} lost`],
    [
      "sessions",
      `${result.sessionsLeftV2} left V2 on the way up, ${result.sessionsChangedSide} of ${result.sessionsCompared} changed side on the way back`,
    ],
    [
      "router out",
      `${entry.loweredToDirect ? `all callers at V1 after ${entry.toDirectSeconds} s` : "callers did NOT reach V1 directly"}, ${entry.lostRequests} lost`,
    ],
    ["brake", `0 % after ${brake.engageToZeroSeconds} s, released after ${brake.releaseSeconds} s`],
    ["direct brake", `0 % after ${directBrake.engageToZeroSeconds} s without an API server`],
    [
      "broken V2 image",
      `up ${brokenImage.upFailed ? "failed" : "did not fail"}, traffic ${brokenImage.loweredToZero ? `at 0 % after ${brokenImage.toZeroSeconds} s` : "NOT lowered"}`,
    ],
    ...result.faults.map(({ name, stage, braked, firstBadToZeroSeconds, failedRequests }) => [
      `fault at ${stage}`,
      `${name}: ${braked ? `0 % after ${firstBadToZeroSeconds} s` : "no brake"}, ${failedRequests} failed requests`,
    ]),
    [
      "guards",
      `${result.falseRollbacks} false rollbacks, ${result.replayMismatches} of ${result.verdictsReplayed} verdicts replayed otherwise`,
    ],
    ...Object.entries(result.conformance).map(([side, { passed, skipped, failed }]) => [
      `contract, ${side}`,
      `${passed} rules kept, ${failed.length} broken, ${skipped} not applicable`,
    ]),
    ["Pod Security", result.podSecurityEnforced ? "restricted, enforced" : "NOT enforced"],
    ["second up", result.secondUpChangedNothing ? "changed nothing" : "CHANGED SOMETHING"],
    ["left behind", result.leftBehind.join(", ") || "nothing"],
    ["engine", `pulumi ${engine.version}, Node language host ${engine.languageHost}`],
    ["providers", providers.join(", ")],
    ["duration", `${Math.floor(result.durationSeconds / 60)} min ${result.durationSeconds % 60} s`],
  ];
  const verdict = result.passed
    ? ["Passed: everything holds."]
    : [
        `FAILED: ${result.failures.length} of the checks do not hold.`,
        ...result.failures.map((failure) => `  - ${failure}`),
        ...(result.examples.length > 0 ? ["Examples:"] : []),
        ...result.examples.map((example) => `  ${example}`),
      ];
  return ["", ...align(rows), "", ...align(figures), "", ...verdict, ""].join("\n");
}

function align(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
