import type { PropertyChange } from "./property-diff.ts";
import type { PropertyMap } from "./properties.ts";

/** What every call about one resource says. */
export interface ResourceCall {
  urn: string;
  /** Type token, for example `kubernetes:core/v1:ConfigMap`. */
  type: string;
  /** Name that the program gave the resource. */
  name: string;
  /** Aborted when the person cancels the operation. */
  signal: AbortSignal;
  /** Shows progress beside the resource. */
  status: (text: string) => void;
}

/** Inputs to complete and to validate. */
export interface CheckCall extends ResourceCall {
  /** Inputs of the last operation as `check` returned them; empty for a new resource. */
  oldInputs: PropertyMap;
  newInputs: PropertyMap;
  /** Seed for names: the same in preview and update. */
  randomSeed: Uint8Array;
}

/** Completed inputs, or what is wrong with them. */
export interface CheckResult {
  inputs: PropertyMap;
  failures?: { property: string; reason: string }[];
}

/** Two versions of a resource to compare. */
export interface DiffCall extends ResourceCall {
  id: string;
  oldInputs: PropertyMap;
  oldOutputs: PropertyMap;
  newInputs: PropertyMap;
}

/** What an update would do. */
export interface DiffResult {
  changes: PropertyChange[];
  /** Those of `changes` that cannot be made in place. */
  replaceBecauseOf: PropertyChange[];
  /** The new one can only be made after the old one is gone (same name). */
  deleteBeforeReplace?: boolean;
}

/** A resource to make. */
export interface CreateCall extends ResourceCall {
  inputs: PropertyMap;
  preview: boolean;
  /** From the resource option `customTimeouts`; absent where the program sets none. */
  timeoutSeconds: number | undefined;
}

/** A resource to change in place. */
export interface UpdateCall extends ResourceCall {
  id: string;
  oldInputs: PropertyMap;
  oldOutputs: PropertyMap;
  newInputs: PropertyMap;
  preview: boolean;
  timeoutSeconds: number | undefined;
  /** Paths of the resource option `ignoreChanges`; the engine has already put the old inputs there. */
  ignoreChanges: readonly string[];
}

/** A resource to look at; without inputs it is being imported. */
export interface ReadCall extends ResourceCall {
  id: string;
  inputs: PropertyMap;
  outputs: PropertyMap;
}

/** A resource to remove. */
export interface DeleteCall extends ResourceCall {
  id: string;
  outputs: PropertyMap;
  timeoutSeconds: number | undefined;
}

/** A made resource. */
export interface Created {
  id: string;
  outputs: PropertyMap;
}

/** A resource as it is. */
export interface ReadResult extends Created {
  inputs: PropertyMap;
}

/**
 * A provider as the engine knows it, without the wire: secrets and unknowns in property maps are marked as
 * `properties.ts` says. Every method may throw an Error whose message is shown to the person.
 */
export interface ResourceProvider {
  /** Version of the official provider that it stands in for. */
  version: string;
  /** Provider configuration; called once, before all others, and must not wait for the real thing. */
  configure(configuration: PropertyMap): Promise<void>;
  check(call: CheckCall): Promise<CheckResult>;
  diff(call: DiffCall): Promise<DiffResult>;
  create(call: CreateCall): Promise<Created>;
  update(call: UpdateCall): Promise<PropertyMap>;
  /** Absent means: it is gone. */
  read(call: ReadCall): Promise<ReadResult | undefined>;
  delete(call: DeleteCall): Promise<void>;
  /** Ends what is under way, as far as the calls' signals do not do it. */
  cancel?(): void;
}

/** The resource exists but did not become what it should: the engine keeps it in its state and reports the reasons. */
export class InitializationError extends Error {
  override readonly name = "InitializationError";
  readonly id: string;
  readonly outputs: PropertyMap;
  readonly inputs: PropertyMap | undefined;
  readonly reasons: string[];

  constructor(reasons: string[], created: Created, inputs?: PropertyMap) {
    super(reasons.join("\n"));
    this.reasons = reasons;
    this.id = created.id;
    this.outputs = created.outputs;
    this.inputs = inputs;
  }
}
