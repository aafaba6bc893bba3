import { setTimeout as sleep } from "node:timers/promises";

import { isFailure, KubernetesError } from "../../../lib/kubernetes-error.ts";
import type { PropertyMap } from "../lib/properties.ts";
import { InitializationError, type Created, type ResourceCall } from "../lib/resource-provider.ts";
import { awaitReady, NotReadyError, skipsAwait, timeLimit } from "./await.ts";
import type { Cluster } from "./cluster.ts";
import { describe, objectId, referenceOf, type ObjectReference } from "./objects.ts";
import { objectState } from "./state.ts";

/** Waits between attempts to create in a namespace that is not there yet: official (await.go) 5 retries, factor 2. */
const namespaceRetrySeconds = [1, 2, 4, 8, 16];
const defaultReadySeconds = 600;

/**
 * Repeats an attempt that fails because something is not there yet: the namespace, which another resource of the same
 * update makes.
 */
export async function retryWhileNamespaceIsMissing<T>(
  { signal, status }: ResourceCall,
  attempt: () => Promise<T>,
): Promise<T> {
  for (const seconds of namespaceRetrySeconds) {
    try {
      return await attempt();
    } catch (error) {
      if (!isFailure(error, "notFound")) throw error;
      status(`${error.message}; trying again in ${String(seconds)} s`);
    }
    await sleep(seconds * 1000, undefined, { signal });
    status("");
  }
  return attempt();
}

/**
 * Waits for an applied object and returns its state.
 *
 * @throws InitializationError with the state of an object that did not become ready, so that the engine keeps it.
 */
export async function settle(
  cluster: Cluster,
  call: ResourceCall & { timeoutSeconds: number | undefined },
  applied: PropertyMap,
  inputs: PropertyMap,
  fieldManager: string,
  oldState: PropertyMap = {},
): Promise<Created> {
  const reference = referenceOf(applied);
  let failure: NotReadyError | undefined;
  if (!skipsAwait(applied)) {
    try {
      await awaitReady(cluster, applied, reference, {
        timeoutSeconds: timeLimit(call.timeoutSeconds, applied, defaultReadySeconds),
        signal: call.signal,
        status: call.status,
      });
    } catch (error) {
      if (!(error instanceof NotReadyError)) throw error;
      failure = error;
    }
  }
  // The object exists: a server that is away at this moment must not make the engine forget it.
  const live = await cluster.get(reference).catch(() => undefined);
  const created = {
    id: objectId(reference),
    outputs: objectState(inputs, live ?? applied, fieldManager, oldState),
  };
  if (failure) throw new InitializationError([failure.message, ...failure.problems], created);
  return created;
}

/** A conflict between writers, with the way out of it. */
export function explainConflict(error: unknown, reference: ObjectReference): unknown {
  if (!isFailure(error, "conflict")) return error;
  return new KubernetesError(
    "conflict",
    `${describe(reference)}: another writer owns a field that the program declares: ${error.message}; let it give the field up, or set the annotation \`pulumi.com/patchForce\` on the resource.`,
    error.status,
  );
}
