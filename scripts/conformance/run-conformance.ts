import { Client } from "./client.ts";
import type { Need, PoolProcess, Rule, Target } from "./rule.ts";
import { NotApplicable } from "./rule.ts";
import { rules } from "./rules.ts";

/** What is tested. */
export interface ConformanceOptions {
  /** Base URL of the pool's data port. */
  readonly url: string;
  /** Base URL of its admin port; without it the rules that need it are skipped. */
  readonly adminUrl?: string | undefined;
  /** Which pool it is meant to be; without it either is right. */
  readonly side?: "v1" | "v2" | undefined;
  /** Names of the rules to check; without it all. */
  readonly only?: readonly string[] | undefined;
  /** The pool's process, which the last rule ends. */
  readonly process?: PoolProcess | undefined;
  /** Told of each result as it comes. */
  readonly onResult?: (result: RuleResult) => void;
  readonly signal?: AbortSignal;
}

/** The outcome of one rule. */
export interface RuleResult {
  readonly rule: string;
  readonly status: "passed" | "failed" | "skipped";
  /** What is wrong, or why it was skipped; empty where it passed. */
  readonly detail: string;
}

/** The outcome of a run, in the order of the rules. */
export interface ConformanceResult {
  readonly url: string;
  /** No rule failed, and at least one passed. */
  readonly conforms: boolean;
  readonly counts: Readonly<Record<RuleResult["status"], number>>;
  readonly results: readonly RuleResult[];
}

/** The pool answers nothing at all. */
export class Unreachable extends Error {}

/** Rules that disturb nobody run so many at once. */
const parallelRules = 6;

/**
 * Checks a pool against the contract, over HTTP alone. Rules with fault switches, drain or the
 * process disturb the pool: the admin URL is given for a pool without callers only.
 * @throws Unreachable when nothing answers at the URL.
 */
export async function runConformance(options: ConformanceOptions): Promise<ConformanceResult> {
  const { url, adminUrl, side, only, process, onResult, signal } = options;
  const admin = adminUrl === undefined ? undefined : new Client(adminUrl);
  const target: Target = { data: new Client(url), admin, side, process };
  const missing = await missingNeeds(target);
  const chosen = rules.filter(({ name }) => only === undefined || only.includes(name));
  const results = new Map<string, RuleResult>();
  const run = async (rule: Rule): Promise<void> => {
    signal?.throwIfAborted();
    const result = await checkRule(rule, target, missing);
    results.set(rule.name, result);
    onResult?.(result);
  };
  const together = chosen.filter(({ alone }) => !alone);
  await Promise.all(
    Array.from({ length: parallelRules }, async () => {
      for (let rule = together.shift(); rule; rule = together.shift()) await run(rule);
    }),
  );
  for (const rule of chosen.filter(({ alone }) => alone)) await run(rule);
  return summarize(
    url,
    chosen.flatMap(({ name }) => results.get(name) ?? []),
  );
}

/** Why each need is not met; a need that is met is absent. */
async function missingNeeds({ data, admin, process }: Target): Promise<Map<Need, string>> {
  const missing = new Map<Need, string>();
  await reach(data, "/v1/health");
  if (!process) missing.set("process", "needs --exec, to start and end the pool's process");
  if (!admin) {
    missing.set("admin", "needs --admin-url").set("faults", "needs --admin-url");
    return missing;
  }
  await reach(admin, "/livez");
  const { status } = await admin.call("PUT", "/admin/faults", { body: {} });
  if (status >= 400) missing.set("faults", "the pool has no fault switches, as in production");
  return missing;
}

async function reach(client: Client, path: string): Promise<void> {
  await client.call("GET", path).catch((error: unknown) => {
    throw new Unreachable((error as Error).message);
  });
}

async function checkRule(
  rule: Rule,
  target: Target,
  missing: Map<Need, string>,
): Promise<RuleResult> {
  const { name, needs = [] } = rule;
  const reason = needs.map((need) => missing.get(need)).find((why) => why !== undefined);
  if (reason !== undefined) return { rule: name, status: "skipped", detail: reason };
  try {
    await rule.check(target);
    return { rule: name, status: "passed", detail: "" };
  } catch (error) {
    const status = error instanceof NotApplicable ? "skipped" : "failed";
    return { rule: name, status, detail: (error as Error).message };
  }
}

function summarize(url: string, results: readonly RuleResult[]): ConformanceResult {
  const count = (status: RuleResult["status"]): number =>
    results.filter((result) => result.status === status).length;
  const counts = { passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
  return { url, conforms: counts.failed === 0 && counts.passed > 0, counts, results };
}
