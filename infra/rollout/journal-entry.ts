import type { Side } from "./decision.ts";
import type { Attempt } from "./evidence/attempt.ts";
import type { JournaledVerdict } from "./evidence/journal.ts";
import type { RolloutRecord } from "./rollout-record.ts";

/** Something that a guard journals, as plain JSON. Recording it again has no effect. */
export type JournalEntry =
  | ({ readonly kind: "verdict" } & JournaledVerdict)
  | {
      readonly kind: "attempt";
      readonly attempt: Attempt;
      /** Guard that began it. */
      readonly who: string;
    }
  /** Figures of a pool at an instant, for `pool_metrics`. */
  | {
      readonly kind: "metrics";
      readonly pool: Side;
      readonly at: number;
      readonly metrics: Readonly<Record<string, number | null>>;
    }
  /** A revision of the ConfigMap `rollout` that was seen. */
  | {
      readonly kind: "stage";
      readonly at: number;
      readonly revision: string;
      /** What was declared before; null where nothing is known. */
      readonly from: RolloutRecord | null;
      readonly to: RolloutRecord;
      readonly who: string;
      readonly why: string;
    }
  | {
      readonly kind: "brake";
      readonly at: number;
      readonly action: "engaged" | "released";
      /** Id of the engagement. */
      readonly id: string;
      readonly who: string;
      readonly why: string;
      readonly source: string;
    }
  /** A guard's rollback that is complete: V2 gets nothing and works on nothing. */
  | {
      readonly kind: "rollback";
      /** Id of the engagement. */
      readonly engagement: string;
      readonly attempt: string;
      /** When it was decided, when every router applied 0 %, and when V2 worked on nothing; milliseconds since 1970. */
      readonly decidedAt: number;
      readonly zeroAt: number;
      readonly drainedAt: number;
      readonly reasons: readonly string[];
    };
