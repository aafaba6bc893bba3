import type { Side } from "../../infra/rollout/decision.ts";
import { poolAdminPort, poolName } from "../../infra/rollout/names.ts";
import type { ConformanceResult } from "../conformance/run-conformance.ts";
import { podsOf } from "./pods.ts";
import type { StackCommands } from "./stack-commands.ts";

/** What the contract's rules said of a pod of one pool. */
export interface ConformanceCheck {
  readonly passed: number;
  readonly skipped: number;
  /** Names of the rules that the pod breaks, with what is wrong. */
  readonly failed: readonly string[];
}

const dataPort = 8080;

/** Checks one pod of a pool against the whole contract, fault switches and drain included: nobody may use it. */
export async function checkConformance(
  commands: StackCommands,
  side: Side,
): Promise<ConformanceCheck> {
  const [{ address } = { address: "no pod" }] = await podsOf(commands, poolName(side));
  const urls = ["--url", `http://${address}:${dataPort}`];
  const adminUrl = ["--admin-url", `http://${address}:${poolAdminPort}`];
  const { output } = await commands.verb(
    "conformance",
    [...urls, ...adminUrl, "--side", side, "--json"],
    {
      mayFail: true,
    },
  );
  const { counts, results } = JSON.parse(output) as ConformanceResult;
  return {
    passed: counts.passed,
    skipped: counts.skipped,
    failed: results
      .filter(({ status }) => status === "failed")
      .map(({ rule, detail }) => `${rule}: ${detail}`),
  };
}
