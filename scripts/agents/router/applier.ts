import { sameHeader } from "../../../infra/rollout/rollout-record.ts";
import type { EnvoyView } from "./envoy-admin.ts";
import type { RouteFiles, WrittenFiles } from "./route-files.ts";
import type { Target } from "./desired-rollout.ts";

/** After this without a sign of it in Envoy, a file is renamed into place once more. Milliseconds. */
const confirmationLimit = 5_000;

/**
 * Brings what Envoy applies to a target. Lowering waits for nothing; a raise waits until Envoy sees a ready host of
 * V2. Once applied, a percentage is not lowered for lack of one: the fallback serves that share.
 */
export class Applier {
  private readonly files: Pick<RouteFiles, "writeRoutes" | "writeClusters">;
  private written: WrittenFiles;
  private writtenAt = Date.now();
  private clustersWrittenAt = Date.now();
  /** Refusals that Envoy had counted before the last write; undefined until it was asked. */
  private refusalsBefore: number | undefined;
  private refused = false;
  private lastView: EnvoyView | undefined;

  constructor(files: Applier["files"], written: WrittenFiles) {
    this.files = files;
    this.written = written;
  }

  /** Applies a target at once if it is no raise. To be called as soon as a target changes. */
  lower(target: Target): void {
    if (
      !sameHeader(this.written, target) &&
      !this.needsReadyHost(target) &&
      this.hasClusters(target)
    ) {
      this.writeRoutes(target);
    }
  }

  /**
   * Takes the next step towards a target.
   *
   * @param view what Envoy says now; undefined when it does not answer
   * @returns what a difference between target and applied waits for; null when there is none
   */
  step(target: Target, view: EnvoyView | undefined): string | null {
    this.lastView = view;
    if (view !== undefined) this.judge(view);
    if (sameHeader(this.written, target)) return this.confirmation(target, view);
    if (this.needsReadyHost(target) && !view?.readyHosts.v2) {
      const { percentage } = this.current;
      const raise =
        target.percentage > percentage
          ? `the raise from ${percentage} % to ${target.percentage} %`
          : "the switch to V2 alone";
      return `${raise} waits for a ready V2 host`;
    }
    if (!this.hasClusters(target, view)) {
      this.putClustersBack();
      return "the routes wait for the clusters of both pools";
    }
    this.writeRoutes(target);
    return this.confirmation(target, view);
  }

  /** What decides requests: the last file, or what Envoy kept when it refused that one. */
  private get current(): { readonly percentage: number } {
    return (this.refused ? this.lastView?.applied : undefined) ?? this.written;
  }

  private needsReadyHost(target: Target): boolean {
    const losesFallback = target.topology === "v2-only" && this.written.routes === "both";
    return target.percentage > this.current.percentage || losesFallback;
  }

  /** Routes to a cluster that is not in force would be refused. */
  private hasClusters(target: Target, view = this.lastView): boolean {
    if (target.topology === "v2-only") return true;
    if (this.written.clusters !== "both") return false;
    return view === undefined || view.clusters.includes("worker-v2-then-v1");
  }

  /** Once, and again if they do not appear. */
  private putClustersBack(): void {
    const known = this.written.clusters === "both";
    if (known && Date.now() - this.clustersWrittenAt < confirmationLimit) return;
    this.files.writeClusters("both");
    this.written = { ...this.written, clusters: "both" };
    this.clustersWrittenAt = Date.now();
  }

  private writeRoutes(target: Target): void {
    const header = this.files.writeRoutes(target);
    this.written = { ...this.written, ...header, routes: target.topology };
    this.writtenAt = Date.now();
    this.refusalsBefore = this.lastView?.refusals;
    this.refused = false;
  }

  /** Notices a refusal: Envoy counted one since the write and still applies something else. */
  private judge(view: EnvoyView): void {
    // A smaller number means that Envoy was restarted and counts from 0 again.
    if (this.refusalsBefore === undefined || view.refusals < this.refusalsBefore) {
      this.refusalsBefore = view.refusals;
    }
    this.refused = !sameHeader(view.applied, this.written) && view.refusals > this.refusalsBefore;
  }

  private confirmation(target: Target, view: EnvoyView | undefined): string | null {
    if (sameHeader(view?.applied, target)) return null;
    const revision = `revision ${target.revision} with ${target.percentage} %`;
    if (view === undefined) return `Envoy does not answer; ${revision} is written`;
    if (this.refused) {
      const kept = view.applied;
      return kept === undefined
        ? `Envoy refused ${revision}`
        : `Envoy refused ${revision} and keeps revision ${kept.revision} with ${kept.percentage} %`;
    }
    if (Date.now() - this.writtenAt > confirmationLimit) this.writeRoutes(target);
    return `Envoy has not confirmed ${revision} yet`;
  }
}
