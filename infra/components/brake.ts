import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import { objectNames, workloadLabels } from "../rollout/names.ts";

const labels = workloadLabels(objectNames.router);

/**
 * The brake: a ConfigMap that is declared without data, because what people and the guard write into it belongs to
 * them, and neither `up` nor `refresh` takes it away; and what keeps the guard from doing anything but engage.
 *
 * @param namespace the stack's, as an output of the Namespace
 * @param opts those of a child of the router
 */
export function declareBrake(
  namespace: pulumi.Input<string>,
  opts: pulumi.CustomResourceOptions,
): void {
  new k8s.core.v1.ConfigMap(
    objectNames.brake,
    { metadata: { name: objectNames.brake, namespace, labels } },
    opts,
  );
  const policy = new k8s.admissionregistration.v1.ValidatingAdmissionPolicy(
    objectNames.brake,
    { metadata: clusterMetadata(namespace), spec: guardMayOnlyEngage(namespace) },
    opts,
  );
  new k8s.admissionregistration.v1.ValidatingAdmissionPolicyBinding(
    objectNames.brake,
    {
      metadata: clusterMetadata(namespace),
      spec: { policyName: policy.metadata.name, validationActions: ["Deny"] },
    },
    opts,
  );
}

/** Objects of the cluster itself are named after the namespace for which they are there. */
function clusterMetadata(namespace: pulumi.Input<string>): k8s.types.input.meta.v1.ObjectMeta {
  return { name: pulumi.interpolate`${namespace}-${objectNames.brake}`, labels };
}

/**
 * Who may patch an object may clear it: RBAC cannot tell engaging from releasing. So the guard's writes are accepted
 * only where they add engagements and leave everything else as it is. The rules are those of `observeBrake`. Nobody
 * else is concerned: people release.
 *
 * The conditions name the object rather than the rules: a request that deletes a whole collection bears no name, and
 * rules that ask for one would let it pass.
 */
function guardMayOnlyEngage(
  namespace: pulumi.Input<string>,
): k8s.types.input.admissionregistration.v1.ValidatingAdmissionPolicySpec {
  const isGuard = pulumi.interpolate`request.userInfo.username == "system:serviceaccount:${namespace}:${objectNames.guard}"`;
  const written = `(request.operation == "DELETE" ? oldObject : object)`;
  const engages = `(key == "engaged" || (key.startsWith("engaged.") && !(("released." + key.substring(8)) in variables.after)))`;
  const isDelete = `request.operation == "DELETE"`;
  const rule = (expression: string, message: string) => ({
    expression: `${isDelete} || ${expression}`,
    message,
    reason: "Forbidden",
  });
  return {
    failurePolicy: "Fail",
    matchConstraints: {
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
      resourceRules: [
        {
          apiGroups: [""],
          apiVersions: ["*"],
          operations: ["CREATE", "UPDATE", "DELETE"],
          resources: ["configmaps"],
        },
      ],
    },
    matchConditions: [
      { name: "guard", expression: isGuard },
      { name: "brake", expression: `${written}.metadata.name == "${objectNames.brake}"` },
    ],
    variables: [
      {
        name: "before",
        expression: "oldObject != null && has(oldObject.data) ? oldObject.data : dyn({})",
      },
      { name: "after", expression: "object != null && has(object.data) ? object.data : dyn({})" },
    ],
    validations: [
      {
        expression: `!(${isDelete})`,
        message: "the guard may not delete the brake",
        reason: "Forbidden",
      },
      rule(
        `variables.after.exists(key, ${engages})`,
        "the guard may only engage the brake, and after this write it would be released",
      ),
      rule(
        "variables.before.all(key, key in variables.after && variables.after[key] == variables.before[key])",
        "the guard may not change or remove what the brake holds",
      ),
      rule(
        `variables.after.all(key, key in variables.before || key == "engaged" || key.startsWith("engaged."))`,
        "the guard may add nothing to the brake but engagements",
      ),
      rule(
        "!has(object.immutable) && !has(object.binaryData)",
        "the guard may not keep others from writing into the brake",
      ),
    ],
  };
}
