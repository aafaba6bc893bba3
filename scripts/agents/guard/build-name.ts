import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { EvaluationSettings } from "../../../infra/rollout/evidence/evaluate.ts";
import type { PoolWatch } from "./pool-watch.ts";

/** Characters of a digest that people see. */
const digestLength = 8;

/**
 * What V2 is and by what it is judged, in one line: the builds of its pods, the flags that they read, and the settings of
 * the evaluation. Where it changes, evidence begins anew.
 */
export class BuildName {
  private readonly pools: Pick<PoolWatch, "build" | "listed">;
  private readonly settings: string;
  private readonly flagsFile: string;

  /** @param flagsFile the flags as the pools read them */
  constructor(
    pools: Pick<PoolWatch, "build" | "listed">,
    settings: EvaluationSettings,
    flagsFile: string,
  ) {
    this.pools = pools;
    this.settings = digest(JSON.stringify(settings));
    this.flagsFile = flagsFile;
  }

  /** Undefined while V2's pods have not been listed. */
  get current(): string | undefined {
    if (!this.pools.listed) return undefined;
    const pods = this.pools.build ?? "none";
    return `pods ${pods}, flags ${this.flags()}, settings ${this.settings}`;
  }

  private flags(): string {
    try {
      return digest(readFileSync(this.flagsFile, "utf8"));
    } catch {
      return "none";
    }
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, digestLength);
}
