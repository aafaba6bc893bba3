/** A kind of object, what is done with it, and by what. */
export interface RequiredRight {
  /** API group; empty for the core group. */
  readonly group: string;
  /** Lower-case plural, with the subresource after a slash. */
  readonly resource: string;
  readonly scope: "namespace" | "cluster";
  readonly verbs: readonly string[];
}

/**
 * What the Kubernetes provider does with an object of the program: it applies it (a PATCH that may create), reads
 * it, deletes it and watches until it is ready or gone.
 */
const managed = ["create", "delete", "get", "list", "patch", "watch"] as const;

/** What the provider does to learn how far a Deployment or a Job is. */
const followed = ["get", "list", "watch"] as const;

/** The kinds that the program declares, by the type that Pulumi gives them. */
export const managedKinds: Readonly<Record<string, Omit<RequiredRight, "verbs">>> = {
  "kubernetes:core/v1:Namespace": { group: "", resource: "namespaces", scope: "cluster" },
  "kubernetes:core/v1:ConfigMap": { group: "", resource: "configmaps", scope: "namespace" },
  "kubernetes:core/v1:Secret": { group: "", resource: "secrets", scope: "namespace" },
  "kubernetes:core/v1:Service": { group: "", resource: "services", scope: "namespace" },
  "kubernetes:core/v1:ServiceAccount": {
    group: "",
    resource: "serviceaccounts",
    scope: "namespace",
  },
  "kubernetes:apps/v1:Deployment": { group: "apps", resource: "deployments", scope: "namespace" },
  "kubernetes:batch/v1:Job": { group: "batch", resource: "jobs", scope: "namespace" },
  "kubernetes:batch/v1:CronJob": { group: "batch", resource: "cronjobs", scope: "namespace" },
  "kubernetes:policy/v1:PodDisruptionBudget": {
    group: "policy",
    resource: "poddisruptionbudgets",
    scope: "namespace",
  },
  "kubernetes:rbac.authorization.k8s.io/v1:Role": {
    group: "rbac.authorization.k8s.io",
    resource: "roles",
    scope: "namespace",
  },
  "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding": {
    group: "rbac.authorization.k8s.io",
    resource: "rolebindings",
    scope: "namespace",
  },
  "kubernetes:autoscaling/v2:HorizontalPodAutoscaler": {
    group: "autoscaling",
    resource: "horizontalpodautoscalers",
    scope: "namespace",
  },
  "kubernetes:coordination.k8s.io/v1:Lease": {
    group: "coordination.k8s.io",
    resource: "leases",
    scope: "namespace",
  },
  "kubernetes:networking.k8s.io/v1:NetworkPolicy": {
    group: "networking.k8s.io",
    resource: "networkpolicies",
    scope: "namespace",
  },
  "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy": {
    group: "admissionregistration.k8s.io",
    resource: "validatingadmissionpolicies",
    scope: "cluster",
  },
  "kubernetes:admissionregistration.k8s.io/v1:ValidatingAdmissionPolicyBinding": {
    group: "admissionregistration.k8s.io",
    resource: "validatingadmissionpolicybindings",
    scope: "cluster",
  },
};

/** What else is needed, by the provider and by the verbs. */
const others: readonly RequiredRight[] = [
  // Looked at while a Deployment or a Job is awaited.
  { group: "apps", resource: "replicasets", scope: "namespace", verbs: followed },
  { group: "", resource: "persistentvolumeclaims", scope: "namespace", verbs: followed },
  // Besides, preflight itself runs short-lived pods.
  { group: "", resource: "pods", scope: "namespace", verbs: [...followed, "create", "delete"] },
  // `status`, `brake` and `release` read the agents' reports, preflight whether V1 is ready.
  { group: "", resource: "pods/proxy", scope: "namespace", verbs: ["get"] },
  { group: "discovery.k8s.io", resource: "endpointslices", scope: "namespace", verbs: ["list"] },
  // The guard's: nobody may grant what they may not do.
  { group: "coordination.k8s.io", resource: "leases", scope: "namespace", verbs: ["update"] },
  { group: "", resource: "events", scope: "namespace", verbs: ["create"] },
];

/** Everything that whoever runs `pulumi up` and the verbs must be allowed to do. */
export const requiredRights: readonly RequiredRight[] = [
  ...Object.values(managedKinds).map((kind) => ({ ...kind, verbs: managed })),
  ...others,
];
