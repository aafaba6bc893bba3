import type * as k8s from "@pulumi/kubernetes";

/**
 * Security contexts that the Pod Security Standard "restricted" accepts
 * (https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted).
 */
export const restrictedContainer: k8s.types.input.core.v1.SecurityContext = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  readOnlyRootFilesystem: true,
};

/** For images that name a user of their own: the kubelet refuses to start one that would run as root. */
export const restrictedPod: k8s.types.input.core.v1.PodSecurityContext = {
  runAsNonRoot: true,
  seccompProfile: { type: "RuntimeDefault" },
};

/** User and group of the project's own images; any number but 0 would do. */
const ownUser = 65532;

/** For the project's own images, which run as any user; emptyDirs belong to that user's group. */
export const restrictedOwnPod: k8s.types.input.core.v1.PodSecurityContext = {
  ...restrictedPod,
  runAsUser: ownUser,
  runAsGroup: ownUser,
  fsGroup: ownUser,
};
