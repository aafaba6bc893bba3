import { setTimeout as sleep } from "node:timers/promises";

import type { PropertyMap } from "../lib/properties.ts";
import type { Cluster } from "./cluster.ts";
import { annotation, describe, pluck, pluckText, type ObjectReference } from "./objects.ts";
import { awaitedPods } from "./pods.ts";
import {
  deploymentReadiness,
  jobReadiness,
  podProblems,
  serviceReadiness,
  type Readiness,
} from "./readiness.ts";

/** An object that exists but did not become ready. */
export class NotReadyError extends Error {
  override readonly name = "NotReadyError";
  readonly problems: string[];

  constructor(message: string, problems: string[]) {
    super(message);
    this.problems = problems;
  }
}

/** Limits of a wait and where to show how it goes on. */
export interface WaitOptions {
  timeoutSeconds: number;
  /** Aborted when the person cancels. */
  signal: AbortSignal;
  status: (text: string) => void;
}

/** How often Pods are asked for what keeps them; only for the messages, so no watch. */
const podsMilliseconds = 2_000;

/** How the official provider waits: `pulumi.com/skipAwait` switches it off for an object. */
export function skipsAwait(object: PropertyMap): boolean {
  return annotation(object, "pulumi.com/skipAwait") === "true";
}

/** Time limit for an object: the resource option, else the annotation `pulumi.com/timeoutSeconds`, else the default. */
export function timeLimit(
  fromOption: number | undefined,
  object: PropertyMap,
  defaultSeconds: number,
): number {
  const fromAnnotation = Number(annotation(object, "pulumi.com/timeoutSeconds"));
  return fromOption ?? (fromAnnotation > 0 ? fromAnnotation : defaultSeconds);
}

/** Readiness of an object as it is now; undefined for kinds that nobody waits for. */
export async function readinessNow(
  cluster: Cluster,
  live: PropertyMap,
  reference: ObjectReference,
  signal: AbortSignal,
): Promise<Readiness | undefined> {
  switch (`${reference.apiVersion}/${reference.kind}`) {
    case "apps/v1/Deployment":
      return deploymentReadiness(live);
    case "batch/v1/Job":
      return jobReadiness(live);
    case "v1/Service": {
      const { name, namespace = "default" } = reference;
      const labels = { "kubernetes.io/service-name": name };
      const slices = cluster.list(
        "discovery.k8s.io/v1",
        "EndpointSlice",
        namespace,
        labels,
        signal,
      );
      return serviceReadiness(live, await slices);
    }
    default:
      return undefined;
  }
}

/**
 * Waits until an object that was just applied is ready.
 *
 * @throws NotReadyError when it failed, was deleted, or the time is over or the wait cancelled.
 */
export async function awaitReady(
  cluster: Cluster,
  applied: PropertyMap,
  reference: ObjectReference,
  options: WaitOptions,
): Promise<void> {
  const first = await readinessNow(cluster, applied, reference, options.signal);
  if (first === undefined || first.state === "ready") return;

  const over = new AbortController();
  const time = AbortSignal.timeout(options.timeoutSeconds * 1000);
  const bounds = AbortSignal.any([options.signal, time, over.signal]);
  let readiness: Readiness = first;
  void showPods(cluster, applied, reference, bounds, options.status);
  try {
    for await (const live of changes(cluster, reference, bounds)) {
      if (live === undefined) {
        throw new NotReadyError(`${describe(reference)} was deleted while it was waited for`, []);
      }
      const now = await readinessNow(cluster, live, reference, bounds);
      if (now === undefined || now.state === "ready") return;
      readiness = now;
      if (readiness.state === "failed") break;
      options.status(readiness.progress);
    }
  } catch (error) {
    if (!bounds.aborted) throw error;
  } finally {
    over.abort();
    options.status("");
  }
  throw new NotReadyError(outcome(reference, readiness, options), [
    ...("problems" in readiness ? readiness.problems : []),
    ...(await lastProblems(cluster, applied, reference)),
  ]);
}

function outcome(reference: ObjectReference, readiness: Readiness, options: WaitOptions): string {
  if (options.signal.aborted) return `the wait for ${describe(reference)} was cancelled`;
  return readiness.state === "failed"
    ? `${describe(reference)} failed`
    : `${describe(reference)} was not ready within ${String(options.timeoutSeconds)} s`;
}

/** Every change that can make the object ready: of itself, and for a Service of its endpoints. */
async function* changes(
  cluster: Cluster,
  reference: ObjectReference,
  signal: AbortSignal,
): AsyncGenerator<PropertyMap | undefined> {
  const { kind, name, namespace = "default" } = reference;
  if (kind !== "Service") {
    yield* cluster.observe(reference, signal);
    return;
  }
  const labels = { "kubernetes.io/service-name": name };
  const slices = cluster.observeAll(
    "discovery.k8s.io/v1",
    "EndpointSlice",
    namespace,
    labels,
    signal,
  );
  for (;;) {
    const { done } = await slices.next();
    if (done === true) return;
    yield await cluster.get(reference, signal);
  }
}

/** Shows what keeps the Pods, while the wait lasts. */
async function showPods(
  cluster: Cluster,
  object: PropertyMap,
  reference: ObjectReference,
  signal: AbortSignal,
  status: (text: string) => void,
): Promise<void> {
  try {
    while (!signal.aborted) {
      await sleep(podsMilliseconds, undefined, { signal });
      const [problem] = podProblems(await awaitedPods(cluster, object, reference, signal));
      if (problem !== undefined) status(problem);
    }
  } catch {
    // Only a comfort: what really fails, fails in the wait itself.
  }
}

/** What is wrong with the Pods at the end of a wait that did not succeed. */
async function lastProblems(
  cluster: Cluster,
  object: PropertyMap,
  reference: ObjectReference,
): Promise<string[]> {
  const signal = AbortSignal.timeout(5_000);
  return podProblems(await awaitedPods(cluster, object, reference, signal).catch(() => []));
}

/**
 * Waits until an object whose deletion was asked for is gone.
 *
 * @throws NotReadyError when the time is over or the wait cancelled.
 */
export async function awaitGone(
  cluster: Cluster,
  reference: ObjectReference,
  uid: string | undefined,
  { timeoutSeconds, signal, status }: WaitOptions,
): Promise<void> {
  const bounds = AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]);
  let finalizers: string[] = [];
  try {
    for await (const live of cluster.observe(reference, bounds)) {
      if (live === undefined || pluckText(live, "metadata", "uid") !== uid) return;
      finalizers = (pluck(live, "metadata", "finalizers") as string[] | undefined) ?? [];
      status(`Waiting for ${describe(reference)} to be gone`);
    }
  } catch (error) {
    if (!bounds.aborted) throw error;
  }
  const why = signal.aborted
    ? `the wait for the deletion of ${describe(reference)} was cancelled`
    : `${describe(reference)} was still there ${String(timeoutSeconds)} s after its deletion was asked for`;
  throw new NotReadyError(
    why,
    finalizers.map((finalizer) => `It waits for its finalizer ${finalizer}.`),
  );
}
