import { describe, expect, it } from "vitest";
import { keepIgnoredFields } from "../../scripts/local/providers/kubernetes/ignored-fields.ts";
import type { PropertyMap } from "../../scripts/local/providers/lib/properties.ts";

/** A Deployment of five pods, whose number belongs to these writers. */
function live(...owners: string[]): PropertyMap {
  return {
    metadata: {
      managedFields: [
        { manager: "pulumi", operation: "Apply", fieldsV1: { "f:spec": { "f:paused": {} } } },
        ...owners.map((manager) => ({ manager, fieldsV1: { "f:spec": { "f:replicas": {} } } })),
      ],
    },
    spec: { replicas: 5 },
  };
}

const send = (spec: PropertyMap, of: PropertyMap) =>
  keepIgnoredFields({ spec }, of, "pulumi", ["spec.replicas"]);

describe("a field of ignoreChanges", () => {
  it("is left out when it belongs to another writer alone", () => {
    expect(send({ replicas: 2, paused: false }, live("autoscaler"))).toEqual({
      spec: { paused: false },
    });
    expect(send({ paused: false }, live("autoscaler"))).toEqual({ spec: { paused: false } });
  });

  it("is sent as it is in the cluster when it is ours, shared or nobody's", () => {
    for (const owners of [["pulumi"], ["pulumi", "autoscaler"], []]) {
      expect(send({ replicas: 2 }, live(...owners))).toEqual({ spec: { replicas: 5 } });
      expect(send({}, live(...owners))).toEqual({ spec: { replicas: 5 } });
    }
  });

  it("is sent as declared when the cluster does not have it, and other fields always are", () => {
    expect(send({ replicas: 2 }, { spec: {} })).toEqual({ spec: { replicas: 2 } });
    expect(keepIgnoredFields({ spec: { replicas: 2 } }, live("autoscaler"), "pulumi", [])).toEqual({
      spec: { replicas: 2 },
    });
    expect(keepIgnoredFields({}, live("autoscaler"), "pulumi", ["spec.replicas"])).toEqual({});
  });
});
