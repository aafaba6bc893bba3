import { describe, expect, it } from "vitest";
import { timeLimit } from "../../scripts/local/providers/kubernetes/await.ts";
import { parseConfiguration } from "../../scripts/local/providers/kubernetes/configuration.ts";
import { takeOverPatch } from "../../scripts/local/providers/kubernetes/field-managers.ts";
import {
  completeInputs,
  kindOfType,
  objectChanges,
} from "../../scripts/local/providers/kubernetes/inputs.ts";
import { declarable, objectId, prune } from "../../scripts/local/providers/kubernetes/objects.ts";
import {
  declaredInputs,
  fieldManagerOf,
  objectState,
} from "../../scripts/local/providers/kubernetes/state.ts";
import {
  holdsSecret,
  secret,
  unknownString,
} from "../../scripts/local/providers/lib/properties.ts";
import type { PropertyMap } from "../../scripts/local/providers/lib/properties.ts";
import { formatPath } from "../../scripts/local/providers/lib/property-diff.ts";

const mutable = { configMaps: true, secrets: false };

/** Paths that change in place and paths that make a new object. */
function changes(before: PropertyMap, after: PropertyMap, mutability = mutable) {
  const { changes, replaceBecauseOf } = objectChanges(before, after, mutability);
  return {
    inPlace: changes.map(({ path }) => formatPath(path)),
    replacing: replaceBecauseOf.map(({ path }) => formatPath(path)),
  };
}

const configMap = (percentage: string, more: PropertyMap = {}): PropertyMap => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "rollout", namespace: "ns" },
  data: { percentage },
  ...more,
});

const deployment = (spec: PropertyMap): PropertyMap => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web" },
  spec: { selector: { matchLabels: { app: "web" } }, ...spec },
});

describe("a change of an object", () => {
  it("is made in place in a ConfigMap only where the provider allows it", () => {
    expect(changes(configMap("5"), configMap("10"))).toEqual({
      inPlace: ["data.percentage"],
      replacing: [],
    });
    expect(changes(configMap("5"), configMap("10"), { ...mutable, configMaps: false })).toEqual({
      inPlace: [],
      replacing: ["data.percentage"],
    });
    const immutable = { immutable: true };
    expect(changes(configMap("5", immutable), configMap("10", immutable)).replacing).toEqual([
      "data.percentage",
    ]);
  });

  it("makes a new object where name, namespace, or a field that cannot change is another", () => {
    const moved = { ...configMap("5"), metadata: { name: "rollout", namespace: "other" } };
    expect(changes(configMap("5"), moved).replacing).toEqual(["metadata.namespace"]);
    const selecting = deployment({ selector: { matchLabels: { app: "other" } } });
    expect(changes(deployment({}), selecting).replacing).toEqual(["spec.selector.matchLabels.app"]);
    const job = (image: string) => ({
      apiVersion: "batch/v1",
      kind: "Job",
      spec: { backoffLimit: 1, template: { spec: { containers: [{ image }] } } },
    });
    expect(changes(job("a"), job("b")).replacing).toEqual([
      "spec.template.spec.containers[0].image",
    ]);
    const service = (spec: PropertyMap) => ({ apiVersion: "v1", kind: "Service", spec });
    expect(
      changes(service({ selector: { app: "a" } }), service({ selector: { app: "b" } })),
    ).toEqual({ inPlace: ["spec.selector.app"], replacing: [] });
    expect(changes(service({}), service({ clusterIP: "None" })).replacing).toEqual([
      "spec.clusterIP",
    ]);
    // A whole part that holds such a field replaces too.
    const bare = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web" } };
    expect(changes(bare, deployment({})).replacing).toEqual(["spec"]);
  });

  it("of a Deployment's template, or of a limit in other words, is made in place or is none", () => {
    const limited = (cpu: string, image: string) =>
      deployment({
        template: { spec: { containers: [{ image, resources: { limits: { cpu } } }] } },
      });
    expect(changes(limited("1000m", "a"), limited("1", "b")).inPlace).toEqual([
      "spec.template.spec.containers[0].image",
    ]);
    expect(changes(limited("1000m", "a"), limited("2", "a")).inPlace).toEqual([
      "spec.template.spec.containers[0].resources.limits.cpu",
    ]);
  });
});

describe("a Secret", () => {
  const declared = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "tokens" },
    stringData: { agent: secret("hush"), later: unknownString },
  };

  it("is compared as the server stores it, and secret whatever the program said", () => {
    const inputs = completeInputs(declared);
    expect(inputs).toEqual({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "tokens" },
      data: secret({ agent: "aHVzaA==", later: unknownString }),
    });
    const state = objectState(inputs, { ...declared, data: { agent: "aHVzaA==" } }, "manager");
    expect(holdsSecret(state["data"] ?? "")).toBe(true);
    expect(declaredInputs(state)).toEqual(inputs);
  });

  it("is replaced by other content, so that Pods that name it roll", () => {
    const content = (agent: string) => ({ kind: "Secret", apiVersion: "v1", data: { agent } });
    expect(changes(content("YQ=="), content("Yg==")).replacing).toEqual(["data.agent"]);
    expect(
      changes(content("YQ=="), content("Yg=="), { ...mutable, secrets: true }).inPlace,
    ).toEqual(["data.agent"]);
  });
});

describe("a live object", () => {
  const live = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: {
      name: "brake",
      namespace: "ns",
      uid: "1",
      resourceVersion: "7",
      labels: { a: "b" },
    },
    data: { engaged: "by hand" },
    status: { phase: "x" },
  };

  it("is reduced to what the program declares: what others wrote is theirs", () => {
    const declared = { metadata: { name: "brake", labels: { a: "old" } } };
    expect(prune(live, declared)).toEqual({ metadata: { name: "brake", labels: { a: "b" } } });
  });

  it("is imported without what the server adds", () => {
    expect(declarable(live)).toEqual({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "brake", namespace: "ns", labels: { a: "b" } },
      data: { engaged: "by hand" },
    });
  });

  it("has an id and a kind as in the official provider's state", () => {
    const reference = { apiVersion: "v1", kind: "ConfigMap", name: "brake" };
    expect(objectId({ ...reference, namespace: "ns" })).toBe("ns/brake");
    expect(objectId(reference)).toBe("brake");
    expect(kindOfType("kubernetes:core/v1:ConfigMap")).toEqual({
      apiVersion: "v1",
      kind: "ConfigMap",
    });
    expect(kindOfType("kubernetes:apps/v1:Deployment")).toEqual({
      apiVersion: "apps/v1",
      kind: "Deployment",
    });
  });

  it("keeps the name of its writer, one for each resource", () => {
    const first = fieldManagerOf({}, {});
    expect(first).toMatch(/^pulumi-kubernetes-[0-9a-f]{8}$/);
    expect(fieldManagerOf({}, {})).not.toBe(first);
    expect(fieldManagerOf({}, objectState({}, {}, first))).toBe(first);
  });
});

describe("fields that kubectl wrote", () => {
  const entry = (manager: string, operation: string, fields: PropertyMap): PropertyMap => ({
    manager,
    operation,
    apiVersion: "v1",
    fieldsType: "FieldsV1",
    fieldsV1: fields,
  });
  const own = entry("pulumi-kubernetes-1", "Apply", {
    "f:metadata": { "f:labels": { "f:a": {} } },
  });
  const guard = entry("guard", "Update", { "f:data": { "f:engaged.1": {} } });
  const object = (...managedFields: PropertyMap[]) => ({ metadata: { managedFields } });

  it("go over to the stack with its next update, those of others do not", () => {
    const kubectl = entry("kubectl-patch", "Update", { "f:data": { "f:engaged": {} } });
    const patch = takeOverPatch(object(own, guard, kubectl), "pulumi-kubernetes-1");
    expect(patch).toEqual([
      {
        op: "replace",
        path: "/metadata/managedFields",
        value: [
          guard,
          {
            ...own,
            fieldsV1: {
              "f:metadata": { "f:labels": { "f:a": {} } },
              "f:data": { "f:engaged": {} },
            },
          },
        ],
      },
    ]);
  });

  it("are left alone where there are none", () => {
    expect(takeOverPatch(object(own, guard), "pulumi-kubernetes-1")).toBeUndefined();
    const scaled = { ...entry("kubectl", "Update", {}), subresource: "scale" };
    expect(takeOverPatch(object(own, scaled), "pulumi-kubernetes-1")).toBeUndefined();
  });
});

describe("the time limit", () => {
  it("is the resource's option, else the annotation, else the default", () => {
    const annotated = { metadata: { annotations: { "pulumi.com/timeoutSeconds": "30" } } };
    expect(timeLimit(5, annotated, 600)).toBe(5);
    expect(timeLimit(undefined, annotated, 600)).toBe(30);
    expect(timeLimit(undefined, {}, 600)).toBe(600);
  });
});

describe("the provider's configuration", () => {
  it("is read as the SDK sends it", () => {
    const read = parseConfiguration({
      kubeconfig: secret("/kube/config"),
      enableConfigMapMutable: "true",
      namespace: unknownString,
    });
    expect(read).toEqual({
      kubeconfig: "/kube/config",
      context: undefined,
      namespace: undefined,
      mutable: { configMaps: true, secrets: false },
      force: false,
      upsert: false,
    });
  });

  it("is refused where the stand-in would silently do something else", () => {
    expect(() => parseConfiguration({ renderYamlToDirectory: "/x" })).toThrow(
      "does not know renderYamlToDirectory",
    );
    expect(() => parseConfiguration({ enableServerSideApply: "false" })).toThrow(
      "enableServerSideApply=false",
    );
  });
});
