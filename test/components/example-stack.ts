import { programGraph } from "../lib/graph.ts";
import type { Graph, GraphConfig } from "../lib/graph.ts";

/** Every secret of the example, to look for where it must not be. */
export const exampleSecrets = {
  agentToken: "agent-token-of-the-tests",
  overrideToken: "override-token-of-the-tests",
  adminPassword: "administrator-of-the-tests",
  databaseUrl: "postgresql://pool:pool-password@10.0.0.9/pool",
};

/** A stack that uses everything there is. */
const exampleConfig: GraphConfig = {
  flags: { poolV2Enabled: true },
  pool: { settings: { DATABASE_URL: exampleSecrets.databaseUrl } },
  v1: { image: "registry.test/pool:1" },
  v2: { image: "registry.test/pool:2", settings: { POOL_WORKERS: "4" } },
  images: { router: "registry.test/router:1", tools: "registry.test/tools:1" },
  router: {
    agentToken: exampleSecrets.agentToken,
    override: { token: exampleSecrets.overrideToken },
  },
  database: {
    host: "10.0.0.9",
    admin: { user: "admin", password: exampleSecrets.adminPassword },
    ssl: "disable",
  },
};

/** Graph of the example at a stage, with other top-level keys where given. */
export function exampleGraph(stage: string, other: GraphConfig = {}): Promise<Graph> {
  return programGraph({ ...exampleConfig, ...other, stage });
}

/** The example's configuration of the router, with other keys where given. */
export function exampleRouter(other: GraphConfig): GraphConfig {
  return { router: { ...(exampleConfig.router as object), ...other } };
}

/** Types of resources, as the engine names them. */
export const types = {
  configMap: "kubernetes:core/v1:ConfigMap",
  deployment: "kubernetes:apps/v1:Deployment",
  autoscaler: "kubernetes:autoscaling/v2:HorizontalPodAutoscaler",
  disruptionBudget: "kubernetes:policy/v1:PodDisruptionBudget",
  job: "kubernetes:batch/v1:Job",
  lease: "kubernetes:coordination.k8s.io/v1:Lease",
  networkPolicy: "kubernetes:networking.k8s.io/v1:NetworkPolicy",
  role: "kubernetes:rbac.authorization.k8s.io/v1:Role",
  roleBinding: "kubernetes:rbac.authorization.k8s.io/v1:RoleBinding",
  secret: "kubernetes:core/v1:Secret",
  service: "kubernetes:core/v1:Service",
  serviceAccount: "kubernetes:core/v1:ServiceAccount",
} as const;
