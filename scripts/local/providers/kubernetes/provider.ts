import { isFailure } from "../../../lib/kubernetes-error.ts";
import { automaticName } from "../lib/autoname.ts";
import { holdsUnknown, markLike, reveal, type PropertyMap } from "../lib/properties.ts";
import {
  InitializationError,
  type CheckCall,
  type CheckResult,
  type Created,
  type CreateCall,
  type DeleteCall,
  type DiffCall,
  type DiffResult,
  type ReadCall,
  type ReadResult,
  type ResourceProvider,
  type UpdateCall,
} from "../lib/resource-provider.ts";
import { explainConflict, retryWhileNamespaceIsMissing, settle } from "./apply.ts";
import { awaitGone, NotReadyError, readinessNow, skipsAwait, timeLimit } from "./await.ts";
import { Cluster } from "./cluster.ts";
import { connect, parseConfiguration, type Configuration } from "./configuration.ts";
import { takeOverPatch } from "./field-managers.ts";
import { keepIgnoredFields } from "./ignored-fields.ts";
import {
  completeInputs,
  isAutonamed,
  isNamed,
  kindOfType,
  objectChanges,
  secretContent,
  withAutomaticName,
} from "./inputs.ts";
import {
  annotation,
  declarable,
  describe,
  objectId,
  omit,
  pluck,
  pluckText,
  prune,
  referenceOf,
  withMetadata,
  type ObjectReference,
} from "./objects.ts";
import { jobReadiness } from "./readiness.ts";
import { declaredInputs, fieldManagerOf, objectState } from "./state.ts";

const defaultDeleteSeconds = 300;

/** Acts on a real API server as the official provider does: by server-side apply, waiting until objects are ready. */
export class KubernetesProvider implements ResourceProvider {
  readonly version = "4.34.2";
  private configuration: Configuration | undefined;
  private connected: Promise<Cluster> | undefined;

  configure(raw: PropertyMap): Promise<void> {
    this.configuration = parseConfiguration(raw);
    return Promise.resolve();
  }

  async check({ type, name, oldInputs, newInputs, randomSeed }: CheckCall): Promise<CheckResult> {
    const { apiVersion, kind } = kindOfType(type);
    if (kind.endsWith("Patch") || kind.endsWith("List")) {
      throw new Error(`The stand-in for the Kubernetes provider does not know ${type}.`);
    }
    let inputs: PropertyMap = { ...newInputs, apiVersion, kind };
    if (!isNamed(inputs)) {
      const old = pluckText(oldInputs, "metadata", "name");
      const adopted = old !== undefined && isAutonamed(oldInputs) ? old : undefined;
      inputs = withAutomaticName(inputs, adopted ?? automaticName(name, randomSeed, 8));
    }
    const cluster = await this.cluster();
    if (
      pluck(inputs, "metadata", "namespace") === undefined &&
      (await cluster.isNamespaced(apiVersion, kind))
    ) {
      const namespace = this.configured().namespace ?? cluster.connection.namespace;
      inputs = withMetadata(inputs, { namespace });
    }
    return { inputs: completeInputs(inputs) };
  }

  async diff({ oldInputs, oldOutputs, newInputs, signal }: DiffCall): Promise<DiffResult> {
    const before = reveal(declaredInputs(oldOutputs) ?? oldInputs);
    const after = reveal(newInputs);
    const result: DiffResult = objectChanges(before, after, this.configured().mutable);
    if (await this.isUnreadyJob(after, signal)) {
      const path = ["metadata", "annotations", "pulumi.com/replaceUnready"];
      result.replaceBecauseOf = [...result.replaceBecauseOf, { path, kind: "update" }];
    }
    result.deleteBeforeReplace =
      result.replaceBecauseOf.length > 0 &&
      !isAutonamed(after) &&
      objectId(referenceOf(before)) === objectId(referenceOf(after));
    return result;
  }

  async create(call: CreateCall): Promise<Created> {
    const { inputs, preview } = call;
    if (preview && holdsUnknown(inputs)) return { id: "", outputs: inputs };
    const object = reveal(inputs);
    const reference = referenceOf(object);
    const cluster = await this.cluster();
    const fieldManager = fieldManagerOf(object, {});
    if (!preview && !this.configured().upsert && (await cluster.get(reference, call.signal))) {
      throw new Error(
        `${describe(reference)} already exists in ${reference.namespace ?? "the cluster"}: import it, delete it, or give the resource another name.`,
      );
    }
    const options = {
      fieldManager,
      force: preview || this.forces(object),
      dryRun: preview,
      signal: call.signal,
    };
    const attempt = () => cluster.apply(reference, object, options);
    if (!preview) {
      const applied = await retryWhileNamespaceIsMissing(call, attempt);
      return settle(cluster, call, applied, inputs, fieldManager);
    }
    try {
      const applied = await attempt();
      return { id: "", outputs: objectState(inputs, omit(applied, "status"), fieldManager) };
    } catch (error) {
      // A preview cannot know what another resource of the same update will bring: namespace, kind or permission.
      const excused = ["notFound", "refused", "conflict"] as const;
      if (!excused.some((failure) => isFailure(error, failure))) throw error;
      return { id: "", outputs: inputs };
    }
  }

  async update(call: UpdateCall): Promise<PropertyMap> {
    const { newInputs, oldOutputs, preview } = call;
    if (preview && holdsUnknown(newInputs)) return newInputs;
    const object = reveal(newInputs);
    const reference = referenceOf(object);
    const cluster = await this.cluster();
    const fieldManager = fieldManagerOf(object, oldOutputs);
    const live = await cluster.get(reference, call.signal);
    if (live === undefined) {
      throw new Error(
        `${describe(reference)} is not in ${reference.namespace ?? "the cluster"} any more: run \`pulumi refresh\`, then \`pulumi up\`.`,
      );
    }
    const takeOver = takeOverPatch(live, fieldManager);
    if (takeOver && !preview) await cluster.jsonPatch(reference, takeOver, call.signal);
    const options = {
      fieldManager,
      force: this.forces(object) || (preview && takeOver !== undefined),
      dryRun: preview,
      signal: call.signal,
    };
    const sent = keepIgnoredFields(object, live, fieldManager, call.ignoreChanges);
    const applied = await cluster.apply(reference, sent, options).catch((error: unknown) => {
      throw explainConflict(error, reference);
    });
    if (preview) return objectState(newInputs, omit(applied, "status"), fieldManager, oldOutputs);
    const settled = await settle(cluster, call, applied, newInputs, fieldManager, oldOutputs);
    return settled.outputs;
  }

  async read(call: ReadCall): Promise<ReadResult | undefined> {
    const { id, inputs, outputs, type, signal } = call;
    const known = Object.keys(inputs).length > 0;
    const slash = id.lastIndexOf("/");
    const reference: ObjectReference = {
      ...kindOfType(type),
      name: id.slice(slash + 1),
      ...(slash < 0 ? {} : { namespace: id.slice(0, slash) }),
    };
    const cluster = await this.cluster();
    const live = await cluster.get(reference, signal);
    if (live === undefined) return undefined;
    const plain = known ? prune(live, reveal(inputs)) : declarable(live);
    const liveInputs = secretContent(markLike(plain, inputs));
    const fieldManager = fieldManagerOf(live, outputs);
    const result = {
      id,
      inputs: liveInputs,
      outputs: objectState(liveInputs, live, fieldManager, outputs),
    };
    if (known && !skipsAwait(live)) {
      const readiness = await readinessNow(cluster, live, reference, signal);
      if (readiness !== undefined && readiness.state !== "ready") {
        const reasons = [`${describe(reference)} is not ready`, ...readiness.problems];
        throw new InitializationError(reasons, result, liveInputs);
      }
    }
    return result;
  }

  async delete({ outputs, timeoutSeconds, signal, status }: DeleteCall): Promise<void> {
    const object = reveal(outputs);
    const reference = referenceOf(object);
    const cluster = await this.cluster();
    if (!(await cluster.delete(reference, signal)) || skipsAwait(object)) return;
    const uid = pluckText(object, "metadata", "uid");
    const limits = {
      timeoutSeconds: timeLimit(timeoutSeconds, object, defaultDeleteSeconds),
      signal,
      status,
    };
    try {
      await awaitGone(cluster, reference, uid, limits);
    } catch (error) {
      if (!(error instanceof NotReadyError)) throw error;
      throw new Error([error.message, ...error.problems].join("\n"), { cause: error });
    }
    status("");
  }

  /** With the annotation `pulumi.com/replaceUnready`, a Job that did not complete is run again. */
  private async isUnreadyJob(object: PropertyMap, signal: AbortSignal): Promise<boolean> {
    if (object["kind"] !== "Job" || annotation(object, "pulumi.com/replaceUnready") !== "true") {
      return false;
    }
    const cluster = await this.cluster();
    const live = await cluster.get(referenceOf(object), signal).catch(() => undefined);
    return live !== undefined && jobReadiness(live).state !== "ready";
  }

  private forces(object: PropertyMap): boolean {
    return this.configured().force || annotation(object, "pulumi.com/patchForce") === "true";
  }

  private configured(): Configuration {
    return (this.configuration ??= parseConfiguration({}));
  }

  /** The API server; asked for only when needed, because a provider may be configured before there is one. */
  private cluster(): Promise<Cluster> {
    this.connected ??= connect(this.configured()).then((connection) => new Cluster(connection));
    return this.connected;
  }
}
