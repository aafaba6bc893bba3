import * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import type { ObjectMetadata } from "./network-policy.ts";

/** Where clients inside a pod look for their credentials. */
const credentialsDirectory = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * The ServiceAccount of a workload of the project's own, and all that it may do: in the stack's namespace alone.
 *
 * @returns its name
 */
export function declareServiceAccount(
  metadata: ObjectMetadata,
  rules: k8s.types.input.rbac.v1.PolicyRule[],
  opts: pulumi.CustomResourceOptions,
): pulumi.Output<string> {
  const { name, namespace } = metadata;
  const account = new k8s.core.v1.ServiceAccount(
    name,
    { metadata, automountServiceAccountToken: false },
    opts,
  );
  const role = new k8s.rbac.v1.Role(name, { metadata, rules }, opts);
  new k8s.rbac.v1.RoleBinding(
    name,
    {
      metadata,
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role.metadata.name },
      subjects: [{ kind: "ServiceAccount", name: account.metadata.name, namespace }],
    },
    opts,
  );
  return account.metadata.name;
}

/** The account's credentials for the containers that mount them: the kubelet would mount them into every one. */
export const credentialsVolume: k8s.types.input.core.v1.Volume = {
  name: "credentials",
  projected: {
    sources: [
      { serviceAccountToken: { path: "token", expirationSeconds: 3607 } },
      { configMap: { name: "kube-root-ca.crt", items: [{ key: "ca.crt", path: "ca.crt" }] } },
      {
        downwardAPI: {
          items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }],
        },
      },
    ],
  },
};

/** Where a container has the credentials. */
export const credentialsMount: k8s.types.input.core.v1.VolumeMount = {
  name: "credentials",
  mountPath: credentialsDirectory,
  readOnly: true,
};
