/**
 * The life of a pool process. Only `serving` is ready. In `settling` the probes fail already but
 * calls are still accepted, until everyone who routes here has noticed; in `draining` new calls
 * are refused and those in flight are finished.
 */
type Phase = "starting" | "serving" | "settling" | "draining";

/** Where a pool process stands in its life. */
export interface Lifecycle {
  phase: Phase;
}
