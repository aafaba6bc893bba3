import {
  isObject,
  isUnknown,
  markLike,
  reveal,
  secret,
  type PropertyMap,
  type PropertyValue,
} from "../lib/properties.ts";
import type { PropertyChange, PropertyPath } from "../lib/property-diff.ts";
import { propertyChanges } from "../lib/property-diff.ts";
import { annotation, omit, pluck, pluckText, toText } from "./objects.ts";

/** What the provider's configuration says about objects that could be changed in place but by default are not. */
export interface Mutability {
  configMaps: boolean;
  secrets: boolean;
}

/** Fields whose change makes a new object, by kind, beside name and namespace, as in the official provider (diff.go). */
const replacedFields: Record<string, string[]> = {
  "apps/v1/Deployment": ["spec.selector"],
  "apps/v1/DaemonSet": ["spec.selector"],
  "apps/v1/StatefulSet": [
    "spec.podManagementPolicy",
    "spec.revisionHistoryLimit",
    "spec.selector",
    "spec.serviceName",
    "spec.volumeClaimTemplates",
  ],
  "batch/v1/Job": ["spec.completions", "spec.parallelism", "spec.selector", "spec.template"],
  "rbac.authorization.k8s.io/v1/ClusterRoleBinding": ["roleRef"],
  "rbac.authorization.k8s.io/v1/RoleBinding": ["roleRef"],
  "v1/PersistentVolumeClaim": [
    "spec.accessModes",
    "spec.selector",
    "spec.storageClassName",
    "spec.volumeName",
  ],
  "v1/Service": ["spec.clusterIP"],
};

/** All fields of an object whose change makes a new one. */
function fieldsThatReplace(object: PropertyMap, mutable: Mutability): string[] {
  const kind = `${toText(object["apiVersion"])}/${toText(object["kind"])}`;
  const identity = ["metadata.name", "metadata.namespace"];
  const immutable = object["immutable"] === true;
  if (kind === "v1/ConfigMap") {
    return mutable.configMaps && !immutable ? identity : [...identity, "binaryData", "data"];
  }
  if (kind === "v1/Secret") {
    const content = ["stringData", "data", "type"];
    return mutable.secrets && !immutable ? [...identity, "type"] : [...identity, ...content];
  }
  return [...identity, ...(replacedFields[kind] ?? [])];
}

/** What changes between two versions of an object's inputs, and what of it makes a new object. */
export function objectChanges(before: PropertyMap, after: PropertyMap, mutable: Mutability) {
  const all = propertyChanges(before, after, sameQuantity);
  const fields = fieldsThatReplace(after, mutable).map((field) => field.split("."));
  const replaces = ({ path }: PropertyChange) =>
    fields.some((field) =>
      field.every((key, index) => index >= path.length || path[index] === key),
    );
  return {
    changes: all.filter((change) => !replaces(change)),
    replaceBecauseOf: all.filter(replaces),
  };
}

/**
 * An object as the server will hold it: the clear texts of a Secret (`stringData`) become encoded ones. Without that a
 * refresh, which finds only these, would look like a change.
 */
function normalized(object: PropertyMap): PropertyMap {
  const clear = object["stringData"];
  if (object["kind"] !== "Secret" || !isObject(clear)) return object;
  const rest = omit(object, "stringData");
  const encoded = Object.entries(clear).map<[string, PropertyValue]>(([key, value]) => [
    key,
    isUnknown(value) ? value : Buffer.from(toText(value)).toString("base64"),
  ]);
  const data = rest["data"];
  return { ...rest, data: { ...(isObject(data) ? data : {}), ...Object.fromEntries(encoded) } };
}

/** The server writes quantities in a form of its own: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ */
function sameQuantity(path: PropertyPath, before: unknown, after: unknown): boolean {
  const list = path.at(-2);
  if (list !== "limits" && list !== "requests" && path.at(-1) !== "sizeLimit") return false;
  const [one, other] = [quantity(before), quantity(after)];
  return one !== undefined && one === other;
}

const factors: Record<string, number> = {
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

function quantity(value: unknown): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(String(value));
  const factor = factors[match?.[2] ?? ""];
  return match?.[1] === undefined || factor === undefined ? undefined : Number(match[1]) * factor;
}

/** The content of a Secret is secret, whatever the program said of it. */
export function secretContent(object: PropertyMap): PropertyMap {
  if (object["kind"] !== "Secret") return object;
  return Object.fromEntries(
    Object.entries(object).map(([key, value]) =>
      key === "data" || key === "stringData" ? [key, secret(value)] : [key, value],
    ),
  );
}

/** Inputs as they are compared and sent, with the marks of secrets that the program's inputs bear. */
export function completeInputs(object: PropertyMap): PropertyMap {
  return secretContent(markLike(normalized(reveal(object)), object));
}

const autonamed = "pulumi.com/autonamed";

/** True if the provider chose the object's name. */
export function isAutonamed(object: PropertyMap): boolean {
  return annotation(object, autonamed) === "true";
}

/** The object under a name that the provider chose. */
export function withAutomaticName(object: PropertyMap, name: string): PropertyMap {
  const metadata = pluck(object, "metadata");
  const annotations = pluck(object, "metadata", "annotations");
  return {
    ...object,
    metadata: {
      ...(isObject(metadata) ? metadata : {}),
      name,
      annotations: { ...(isObject(annotations) ? annotations : {}), [autonamed]: "true" },
    },
  };
}

/** Group and version, and kind, from a type token such as `kubernetes:apps/v1:Deployment`. */
export function kindOfType(type: string): { apiVersion: string; kind: string } {
  const [, groupVersion = "", kind = ""] = type.split(":");
  return { apiVersion: groupVersion.replace(/^core\//, ""), kind };
}

/** True if the program named the object, or lets the server do so. */
export function isNamed(object: PropertyMap): boolean {
  return (
    pluck(object, "metadata", "name") !== undefined ||
    pluckText(object, "metadata", "generateName") !== undefined
  );
}
