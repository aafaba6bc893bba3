import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import type { EvidenceRow } from "../../../infra/rollout/evidence/row.ts";
import type { EvidenceUnion } from "../../../infra/rollout/evidence/union.ts";
import type { RolloutRecord } from "../../../infra/rollout/rollout-record.ts";
import { baselineStage } from "../../../infra/rollout/stages.ts";

/** Where the migration stands, as the evaluation has it. */
export type Stage = EvidenceRow["stage"];

/** Follows what every router applies. */
export class StageWatch {
  private stage: Stage | undefined;

  /** Goes on from what was known before; the percentage must still be the same for that to matter. */
  resume(stage: Stage): void {
    this.stage ??= stage;
    const { name, percentage } = this.stage;
    if (stage.percentage === percentage) this.stage = { ...stage, name };
  }

  /**
   * The stage now. Its percentage changes once every router that reports applies the new one.
   *
   * @param declared what the stack declares; undefined while that is not known
   */
  observe(
    reports: readonly AgentReport[],
    declared: RolloutRecord | undefined,
    union: EvidenceUnion,
    now: number,
  ): Stage {
    const before = this.stage;
    const agreed = sameOf(reports.map(({ appliedPercentage }) => appliedPercentage));
    const percentage = agreed ?? before?.percentage ?? 0;
    const commanded = sameOf(reports.map(({ commanded: { stage } }) => stage));
    const name = commanded ?? before?.name ?? declared?.stage ?? baselineStage;
    const stays = before?.percentage === percentage;
    const since = stays ? before.since : now;
    const known = stays ? before.firstV2At : null;
    // After a restart the union may know only what came since.
    const firstV2At = earliest(known, union.firstAt(percentage, "v2"));
    this.stage = { name, percentage, since, firstV2At };
    return this.stage;
  }

  /** Another attempt begins: nothing of V2 was seen in it. */
  forgetV2(): void {
    if (this.stage !== undefined) this.stage = { ...this.stage, firstV2At: null };
  }
}

function earliest(...times: readonly (number | null | undefined)[]): number | null {
  const there = times.filter((time) => time != null);
  return there.length === 0 ? null : Math.min(...there);
}

/** The value of all; undefined where there is none, or they differ. */
function sameOf<T>(values: readonly T[]): T | undefined {
  const [first] = values;
  return values.every((value) => value === first) ? first : undefined;
}
