import { describe, expect, it } from "vitest";
import { Accounting } from "../../scripts/rehearsal/accounting.ts";
import { resultTable } from "../../scripts/rehearsal/result-table.ts";
import { evaluate } from "../../scripts/rehearsal/result.ts";
import { addVisit, direct, findings, ladder } from "./findings.ts";

describe("the result of a rehearsal", () => {
  it("passes when everything holds", () => {
    const result = evaluate(findings());
    expect(result.failures).toEqual([]);
    expect(result).toMatchObject({
      passed: true,
      lostRequests: 0,
      sessionsCompared: 400,
      engine: { version: "v3.0.0", source: "build", languageHost: "stand-in" },
    });
    expect(result.stages.map(({ agrees }) => agrees)).toEqual(ladder.map(() => true));
    const table = resultTable(result);
    expect(table).toContain("Passed");
    expect(table).toContain("kubernetes 4.0.0 (official)");
  });

  const broken: [string, (found: ReturnType<typeof findings>) => unknown, RegExp][] = [
    [
      "requests are lost",
      ({ accounting }) =>
        addVisit(
          accounting,
          "0",
          0,
          (record) => Object.assign(record, { status: 503, pool: undefined }),
          2,
        ),
      /^2 requests were lost$/,
    ],
    [
      "a pool fails",
      ({ accounting }) =>
        addVisit(accounting, "0", 0, (record) => Object.assign(record, { status: 500 }), 3),
      /^3 requests failed/,
    ],
    [
      "a program answers for another one",
      ({ accounting }) =>
        addVisit(
          accounting,
          "0",
          0,
          (record) => Object.assign(record, { verdict: "wrongAnswer" }),
          1,
        ),
      /^1 answers were not what/,
    ],
    [
      "a decision differs from the predictor",
      ({ accounting }) =>
        addVisit(accounting, "0", 0, (record, line) => Object.assign(line, { decided: "v2" }), 1),
      /^1 decisions differ/,
    ],
    [
      "an answer has no line",
      ({ accounting }) => {
        addVisit(accounting, "0", 0, (_record, line) => Object.assign(line, { requestId: "x" }), 1);
        accounting.settle();
      },
      /^1 answers have no/,
    ],
    [
      "a program is gone in between",
      ({ accounting }) =>
        addVisit(
          accounting,
          "0",
          0,
          (record) => Object.assign(record, { status: 404, verdict: "programMissing" }),
          1,
        ),
      /^1 programs were lost/,
    ],
    [
      "a program is gone at the end",
      ({ verification }) =>
        Object.assign(verification, { notListed: ["s/a"], notExecutable: ["s/a"] }),
      /^1 programs were lost/,
    ],
    [
      "a session leaves V2 on the way up",
      ({ accounting }) =>
        addVisit(accounting, "103", 100, (record, line) => Object.assign(line, { decided: "v1" })),
      /sessions left V2/,
    ],
    [
      "a session is elsewhere on the way back",
      ({ accounting }) =>
        addVisit(accounting, "104", 50, (record, line) =>
          Object.assign(line, { decided: line.decided === "v1" ? "v2" : "v1" }),
        ),
      /400 sessions were on another side/,
    ],
    [
      "replicas apply another percentage",
      ({ stays }) => Object.assign(stays[1] ?? {}, { appliedPercent: 10 }),
      /^stage p5 \(5 % commanded\): 10 applied/,
    ],
    [
      "sessions do not show the percentage",
      ({ stays }) => Object.assign(stays[1] ?? {}, { commandedPercent: 6, appliedPercent: 6 }),
      /^stage p5 \(6 % commanded\): 6 applied, 0 % of 0 sessions/,
    ],
    [
      "an up is slow",
      ({ stays }) => Object.assign(stays[2] ?? {}, { upSeconds: 10 }),
      /^stage p50 .*: up took 10 s/,
    ],
    [
      "a stage converges slowly",
      ({ stays }) => Object.assign(stays[2] ?? {}, { convergenceSeconds: 3 }),
      /^stage p50 .*: applied 3 s after/,
    ],
    [
      "the brake is slow",
      ({ walk }) => Object.assign(walk.brake, { engageToZeroSeconds: 3 }),
      /brake took 3 s/,
    ],
    [
      "requests go to V2 under the brake",
      ({ accounting }) =>
        addVisit(accounting, "102", 0, (record, line) => Object.assign(line, { decided: "v2" }), 1),
      /decided for V2 at an applied 0 %/,
    ],
    [
      "a request passes the router by",
      ({ accounting }) => accounting.addRequest(direct(1)),
      /^1 answers have no/,
    ],
    [
      "a request goes through the router while it stands beside",
      ({ accounting }) =>
        addVisit(
          accounting,
          "0",
          0,
          (record) => Object.assign(record, { requestId: "late", intendedAt: -1 }),
          1,
        ),
      /did not reach V1 directly/,
    ],
    [
      "a change of entry loses requests",
      ({ walk }) => Object.assign(walk.entry, { lostRequests: 2 }),
      /^2 requests were lost by a change of entry$/,
    ],
    [
      "the direct brake is slow",
      ({ walk }) => Object.assign(walk.directBrake, { engageToZeroSeconds: Infinity }),
      /direct brake took/,
    ],
    [
      "an API server helps the direct brake",
      ({ walk }) => Object.assign(walk.directBrake, { apiServerDown: false }),
      /an API server ran/,
    ],
    [
      "the broken image keeps the traffic up",
      ({ walk }) => Object.assign(walk.brokenImage, { appliedZero: false }),
      /not lowered to 0/,
    ],
    [
      "the broken image goes unnoticed",
      ({ walk }) => Object.assign(walk.brokenImage, { upFailed: false }),
      /did not fail/,
    ],
    [
      "no guard brakes a V2 that fails",
      ({ faults }) =>
        Object.assign(faults[0] ?? {}, { braked: false, firstBadToZeroSeconds: null }),
      /^fault "V2 fails always" at p5: no guard pulled the brake$/,
    ],
    [
      "guards are slow",
      ({ faults }) => Object.assign(faults[0] ?? {}, { firstBadToZeroSeconds: 10 }),
      /^fault "V2 fails always" at p5: 0 % 10 s after, limit 10 s$/,
    ],
    [
      "a guard brakes V2 for a fault of both sides",
      ({ faults }) => Object.assign(faults[1] ?? {}, { braked: true }),
      /^fault "both sides fail" at p25: a guard pulled the brake although V1 failed too$/,
    ],
    [
      "a guard brakes for nothing",
      (found) => Object.assign(found, { guardEngagements: new Set(["asked", "unasked"]) }),
      /^1 rollbacks by guards that no fault asked for$/,
    ],
    [
      "a brake belongs to a fault that asked for none",
      ({ faults: [asking, other] }) => {
        Object.assign(asking ?? {}, { engagements: [] });
        Object.assign(other ?? {}, { engagements: ["asked"] });
      },
      /^1 rollbacks by guards that no fault asked for$/,
    ],
    ["no fault was tried", ({ faults }) => faults.splice(0), /^no fault was tried$/],
    [
      "the journal is empty",
      (found) => Object.assign(found, { replay: { verdicts: 0, mismatches: 0 } }),
      /^no verdict was found in the journal$/,
    ],
    [
      "verdicts come out differently",
      (found) => Object.assign(found, { replay: { verdicts: 9, mismatches: 2 } }),
      /^2 verdicts are others when they are computed again$/,
    ],
    [
      "a pool breaks a rule of the contract",
      (found) =>
        Object.assign(found.conformance, {
          v2: { passed: 41, skipped: 0, failed: ["drain: cut"] },
        }),
      /^pool v2 breaks the contract, drain: cut$/,
    ],
    [
      "no rule could be checked",
      (found) => Object.assign(found.conformance, { v1: { passed: 0, skipped: 42, failed: [] } }),
      /^no rule of the contract could be checked on pool v1$/,
    ],
    [
      "a privileged pod is accepted",
      (found) => Object.assign(found, { podSecurityEnforced: false }),
      /privileged pod/,
    ],
    [
      "up is not idempotent",
      (found) => Object.assign(found, { secondUpChangedNothing: false }),
      /changed something/,
    ],
    [
      "destroy leaves something",
      (found) => Object.assign(found, { leftBehind: ["namespace/x"] }),
      /namespace\/x/,
    ],
    [
      "lines are unreadable",
      (found) => Object.assign(found, { unreadableLines: 1 }),
      /cannot be read/,
    ],
  ];

  it.each(broken)("fails when %s", (_what, change, failure) => {
    const found = findings();
    change(found);
    const result = evaluate(found);
    expect(result.passed).toBe(false);
    expect(result.failures).toContainEqual(expect.stringMatching(failure));
    expect(resultTable(result)).toContain("FAILED");
  });

  it("does not pass on few requests, no programs or no sessions to compare", () => {
    const found = findings();
    const empty = new Accounting();
    const result = evaluate({
      ...found,
      accounting: empty,
      verification: { ...found.verification, programs: 0 },
    });
    expect(result.failures).toEqual(
      expect.arrayContaining([
        expect.stringContaining("only 0 requests"),
        "no program was there to look for at the end",
        "no session was seen on both ways",
        "no request was seen while the brake was engaged",
        expect.stringMatching(/^stage baseline .*of 0 sessions/),
      ]),
    );
  });
});
