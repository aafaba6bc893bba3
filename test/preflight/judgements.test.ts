import { describe, expect, it } from "vitest";
import { explain, judgeLogin, withoutTls } from "../../scripts/preflight/database.ts";
import type { Finding, Outcome } from "../../scripts/preflight/finding.ts";
import {
  exitCodeOf,
  finding,
  reportLines,
  summaryLine,
  trouble,
} from "../../scripts/preflight/finding.ts";
import { judgeV1 } from "../../scripts/preflight/pool-v1.ts";
import { judgePod } from "../../scripts/preflight/probe-pod.ts";
import type { ProbeResult } from "../../scripts/preflight/probe-pod.ts";
import { databaseProblem, imageProblem } from "../../scripts/preflight/probes.ts";
import { checkValues } from "../../scripts/preflight/stack-config.ts";
import { judgeLocks, judgeService } from "../../scripts/preflight/state-lock.ts";
import { judgeKubernetes, satisfies } from "../../scripts/preflight/versions.ts";

const told = ({ outcome, problems }: Finding) => [outcome, ...problems.map(({ fix }) => fix)];

describe("the findings together", () => {
  const of = (...outcomes: Outcome[]) =>
    outcomes.map((outcome) => ({ ...finding("passed", ""), outcome }));

  it.each([
    { outcomes: of("passed", "skipped"), code: 0 },
    { outcomes: of("passed", "undecided"), code: 2 },
    { outcomes: of("undecided", "unanswered"), code: 3 },
    { outcomes: of("unanswered", "failed", "undecided"), code: 1 },
  ])("end with code $code", ({ outcomes, code }) => {
    expect(exitCodeOf(outcomes)).toBe(code);
  });

  it("are a line each, with problems and fixes below", () => {
    const findings = [
      { check: "a", ...finding("passed", "fine") },
      { check: "long", ...trouble("failed", "broken", { what: "It is.", fix: "Mend:\nit" }) },
    ];
    expect(reportLines(findings)).toEqual([
      "ok         a     fine",
      "FAILED     long  broken",
      "             It is.",
      "             → Mend:\n               it",
    ]);
    expect(summaryLine(findings)).toBe("1 passed, 1 failed");
  });
});

describe("versions", () => {
  it.each([
    ["v22.18.0", ">=22.18", true],
    ["v22.17.9", ">=22.18", false],
    ["v24.0.0", ">=22.18", true],
    ["v20.20.2", ">=22.18", false],
    ["v22.18.1", ">=22.18.2", false],
  ])("%s satisfies %s: %s", (version, requirement, expected) => {
    expect(satisfies(version, requirement)).toBe(expected);
  });

  it.each([
    ["v1.34.4", "passed"],
    ["v1.30.0-eks-036c24b", "passed"],
    ["v1.29.9", "failed"],
    ["v2.0.0", "passed"],
  ])("Kubernetes %s: %s", (version, outcome) => {
    expect(judgeKubernetes(version, "https://c").outcome).toBe(outcome);
  });
});

describe("the configuration", () => {
  const values = {
    "pool-migration:v1": { value: '{"image":"r.test/pool:1"}', secret: false },
    "pool-migration:images": {
      value: '{"router":"r.test/router:1","tools":"r.test/tools:1"}',
      secret: false,
    },
    "pool-migration:router": { value: '{"agentToken":"token-of-the-test-1"}', secret: true },
    "kubernetes:context": { value: "elsewhere", secret: false },
  };

  it("passes with what it commands", () => {
    const { finding: found, config } = checkValues("dev", values, []);
    expect(found).toMatchObject({
      outcome: "passed",
      detail: "stage baseline, 0 %, profile accelerated",
    });
    expect(config?.v1?.image).toBe("r.test/pool:1");
  });

  it("tells every problem with its command, and never a secret", () => {
    const bad = {
      ...values,
      "pool-migration:v1": { value: '{"image":"<v1-image>"}', secret: false },
      "pool-migration:router": { value: '{"agentToken":"short-one"}', secret: true },
    };
    const { finding: found, config } = checkValues("dev", bad, []);
    expect(config).toBeUndefined();
    expect(found.outcome).toBe("failed");
    expect(found.problems).toHaveLength(2);
    expect(found.problems[0]?.what).toContain('placeholder "<v1-image>"');
    expect(found.problems.map(({ fix }) => fix)).toEqual([
      expect.stringMatching(/^pulumi config set --path 'pool-migration:v1\.image' /),
      "openssl rand -hex 32 | pulumi config set --secret --path 'pool-migration:router.agentToken'",
    ]);
    expect(JSON.stringify(found)).not.toContain("short-one");
  });

  it("finds a secret that the stack's file holds in clear", () => {
    const { finding: found } = checkValues("dev", values, ["router.agentToken"]);
    expect(found.problems[0]?.what).toContain("stored in clear");
  });
});

describe("a lock on the state", () => {
  const lock = { pid: 17, username: "jane", hostname: "here", timestamp: "2026-01-01T00:00:00Z" };
  const here = { hostname: "here", isAlive: (pid: number) => pid === 17 };

  it("is free where there is none", () => {
    expect(judgeLocks("dev", [], here).outcome).toBe("passed");
  });

  it("is waited for while its process runs", () => {
    expect(told(judgeLocks("dev", [lock], here))).toEqual(["undecided", "Wait until it ends."]);
  });

  it("is cleared once its process is dead", () => {
    const fix = "Clear it: pulumi cancel --yes --stack dev";
    expect(told(judgeLocks("dev", [{ ...lock, pid: 18 }], here))).toEqual(["failed", fix]);
  });

  it("of another machine is looked at there", () => {
    const fix = "Look there. Once it has ended: pulumi cancel --yes --stack dev";
    const found = judgeLocks("dev", [{ ...lock, pid: 18, hostname: "there" }], here);
    expect(told(found)).toEqual(["undecided", fix]);
  });

  it.each([
    { name: "dev", updateInProgress: true, outcome: "undecided" },
    { name: "team/dev", updateInProgress: true, outcome: "undecided" },
    { name: "dev", updateInProgress: false, outcome: "passed" },
    { name: "prod", updateInProgress: true, outcome: "passed" },
  ])("as a service lists it: $name, $updateInProgress", ({ outcome, ...stack }) => {
    expect(judgeService("dev", "dev", JSON.stringify([stack])).outcome).toBe(outcome);
  });
});

describe("V1", () => {
  it.each([
    { declared: 2, ready: 2, serving: 2, outcome: "passed" },
    { declared: 2, ready: 1, serving: 1, outcome: "failed" },
    { declared: 2, ready: 2, serving: 0, outcome: "failed" },
    { declared: 0, ready: 0, serving: 0, outcome: "failed" },
  ])("$ready ready and $serving serving of $declared: $outcome", ({ outcome, ...pods }) => {
    expect(judgeV1("ns", pods).outcome).toBe(outcome);
  });
});

describe("a probe's pod", () => {
  const waiting = (reason: string) => ({
    containerStatuses: [{ state: { waiting: { reason, message: "why" } } }],
  });

  it.each([
    { status: {}, result: undefined },
    { status: waiting("ContainerCreating"), result: undefined },
    { status: waiting("ErrImagePull"), result: { kind: "notPulled", why: "why" } },
    { status: waiting("ImagePullBackOff"), result: { kind: "notPulled", why: "why" } },
    { status: waiting("CreateContainerConfigError"), result: { kind: "refused", why: "why" } },
    {
      status: waiting("RunContainerError"),
      result: { kind: "ended", exitCode: 128, output: "why" },
    },
    {
      status: {
        containerStatuses: [{ state: { terminated: { exitCode: 0, message: "done\n" } } }],
      },
      result: { kind: "ended", exitCode: 0, output: "done" },
    },
    { status: { phase: "Failed", reason: "Evicted" }, result: { kind: "late", why: "Evicted" } },
  ])("$status", ({ status, result }) => {
    expect(judgePod(status)).toEqual(result);
  });

  const pool = {
    name: "v1",
    key: ["v1", "image"],
    image: "r/p:1",
    command: [],
    own: false,
  } as const;
  const router = { ...pool, name: "router", key: ["images", "router"], own: true } as const;

  it.each<{ probe: typeof pool | typeof router; result: ProbeResult; fix: RegExp | undefined }>([
    // A pool's image is not run: that its container could not be started is what was wanted.
    {
      probe: pool,
      result: { kind: "ended", exitCode: 128, output: "no such file" },
      fix: undefined,
    },
    {
      probe: pool,
      result: { kind: "notPulled", why: "404" },
      fix: /Push it.*'pool-migration:v1.image'/,
    },
    { probe: pool, result: { kind: "refused", why: "root" }, fix: /USER 65532/ },
    { probe: pool, result: { kind: "late", why: "no node" }, fix: /--timeout 600/ },
    { probe: router, result: { kind: "ended", exitCode: 0, output: "" }, fix: undefined },
    {
      probe: router,
      result: { kind: "ended", exitCode: 1, output: "ENOENT" },
      fix: /--target router.*'pool-migration:images.router'/,
    },
  ])("of $probe.name that is $result.kind", ({ probe, result, fix }) => {
    const problem = imageProblem(probe, result);
    if (fix === undefined) expect(problem).toBeUndefined();
    else expect(problem?.fix).toMatch(fix);
  });
});

describe("the database", () => {
  const password = "password-of-the-test";
  const database = {
    host: "db.test",
    port: 5432,
    name: "pool_migration",
    admin: { user: "admin", password },
    ssl: "require",
    keepMonths: 12,
    toolsImage: "r/tools:1",
  } as const;
  const error = (message: string, code?: string) => Object.assign(new Error(message), { code });

  it.each([
    [error("connect ECONNREFUSED 10.0.0.9:5432", "ECONNREFUSED"), /pg_isready --host=db.test/],
    [
      error("password authentication failed", "28P01"),
      /--secret --path 'pool-migration:database.admin.password'/,
    ],
    [error("The server does not support SSL connections"), /database.ssl' disable/],
  ])("%s", (failure, fix) => {
    const problem = explain(database, failure);
    expect(problem.fix).toMatch(fix);
    expect(JSON.stringify(problem)).not.toContain(password);
  });

  it.each([
    { mayCreateDatabases: true, mayCreateRoles: true, lacking: undefined },
    { mayCreateDatabases: false, mayCreateRoles: true, lacking: 'ALTER ROLE "admin" CREATEDB;' },
    {
      mayCreateDatabases: false,
      mayCreateRoles: false,
      lacking: 'ALTER ROLE "admin" CREATEDB CREATEROLE;',
    },
  ])("a login that lacks $lacking", ({ lacking, ...login }) => {
    const answer = judgeLogin(database, { ...login, version: "18" });
    if (lacking === undefined) expect(answer).toEqual({ version: "18" });
    else
      expect(answer).toMatchObject({
        problem: { fix: expect.stringContaining(lacking) as string },
      });
  });

  it.each<{ result: ProbeResult | undefined; expected: unknown }>([
    { result: undefined, expected: undefined },
    { result: { kind: "notPulled", why: "404" }, expected: undefined },
    { result: { kind: "ended", exitCode: 1, output: "wrong image" }, expected: undefined },
    { result: { kind: "ended", exitCode: 0, output: "TLS S" }, expected: "reached" },
    {
      result: { kind: "ended", exitCode: 0, output: "TLS N" },
      expected: withoutTls("db.test:5432"),
    },
    {
      result: { kind: "ended", exitCode: 10, output: "connect EHOSTUNREACH" },
      expected: {
        what: expect.stringContaining("EHOSTUNREACH") as string,
        fix: expect.any(String) as string,
      },
    },
  ])("from inside: $result", ({ result, expected }) => {
    expect(databaseProblem(database, result, withoutTls)).toEqual(expected);
  });
});
