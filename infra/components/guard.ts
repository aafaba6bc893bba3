import * as k8s from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";
import type { DatabaseConfig, MigrationConfig } from "../config/migration-config.ts";
import { loginPassword } from "../database/login-password.ts";
import { loginRole } from "../database/names.ts";
import type { GuardPodSettings } from "../rollout/guard-settings.ts";
import { objectNames, workloadLabels } from "../rollout/names.ts";
import { guardPodSettings } from "./guard-pod-settings.ts";
import type { GuardConfig } from "./guard-pod-settings.ts";
import { guardPodSpec } from "./guard-pod.ts";
import type { GuardDatabase, GuardPodArgs } from "./guard-pod.ts";
import { declareIngressPolicy, fromAnywhere } from "./network-policy.ts";
import type { ObjectMetadata } from "./network-policy.ts";
import { declareOwnDeployment } from "./own-deployment.ts";
import { declareDisruptionBudget } from "./pool-size.ts";
import { declareServiceAccount } from "./service-account.ts";
import type { MigrationDatabase } from "./migration-database.ts";
import type { TrafficRouter } from "./traffic-router.ts";

/** What the guard is made of. The stage is not among it: a step must not touch the pods. */
interface GuardArgs
  extends GuardConfig, Pick<GuardPodArgs, "brake" | "flagsConfigMap" | "image" | "tokensSecret"> {
  /** Namespace of the stack; an output of the Namespace, so that the guard is created after it. */
  readonly namespace: pulumi.Input<string>;
  /** Where the router-agents are found, and how many there have to be. */
  readonly agents: GuardPodSettings["agents"];
  /** Where it keeps its journal; absent: the stack has no database. */
  readonly database: DatabaseConfig | undefined;
}

const name = objectNames.guard;

/**
 * The guard: pods that watch the migration and may pull the brake, and what they may do. It waits neither for the
 * router nor for the database's tables, because it has to run without either; and nothing waits for it. A database in which
 * it is logged in cannot be dropped, so it comes after the database and goes before it.
 */
class Guard extends pulumi.ComponentResource {
  constructor(args: GuardArgs, opts: pulumi.ComponentResourceOptions) {
    super("pool-migration:components:Guard", name, {}, opts);
    const child = { parent: this };
    const metadata = { name, namespace: args.namespace, labels: workloadLabels(name) };
    const account = declareServiceAccount(metadata, mayDo, child);
    // Without a specification: who holds it is for the guards to write, and neither `up` nor `refresh` takes it away.
    new k8s.coordination.v1.Lease(name, { metadata }, child);
    declareDisruptionBudget(metadata, child);
    const settings = guardPodSettings(args, args.agents);
    // The API server's pod proxy has the address of whatever machine it runs on: a token decides.
    declareIngressPolicy(metadata, [fromAnywhere(settings.port)], child);
    const database = args.database && declareDatabaseAccess(metadata, args.database, child);
    declareOwnDeployment(
      metadata,
      {
        replicas: args.guard.replicas,
        readyTimeoutSeconds: args.pool.readyTimeoutSeconds,
        pod: guardPodSpec({ ...args, settings, account, database }),
      },
      child,
    );
    this.registerOutputs({});
  }
}

/** Everything that the guard may do. What it may write into the brake is narrowed further by the admission policy. */
const mayDo: k8s.types.input.rbac.v1.PolicyRule[] = [
  {
    apiGroups: [""],
    resources: ["configmaps"],
    resourceNames: [objectNames.brake],
    verbs: ["get", "patch"],
  },
  {
    apiGroups: [""],
    resources: ["configmaps"],
    resourceNames: [objectNames.rollout],
    verbs: ["get"],
  },
  {
    apiGroups: ["coordination.k8s.io"],
    resources: ["leases"],
    resourceNames: [objectNames.guard],
    verbs: ["get", "update"],
  },
  { apiGroups: [""], resources: ["pods"], verbs: ["list"] },
  { apiGroups: [""], resources: ["events"], verbs: ["create"] },
];

/** The writer's login. Its Secret has no name of its own, so that another password replaces it and the pods roll. */
function declareDatabaseAccess(
  { namespace, labels }: ObjectMetadata,
  { admin, host, name: database, port, ssl }: DatabaseConfig,
  opts: pulumi.CustomResourceOptions,
): GuardDatabase {
  const credentials = new k8s.core.v1.Secret(
    `${name}-credentials`,
    {
      metadata: { namespace, labels },
      immutable: true,
      stringData: {
        PGPASSWORD: admin.password.apply((password) => loginPassword(password, database, "writer")),
      },
    },
    opts,
  );
  return {
    connection: {
      PGHOST: host,
      PGPORT: String(port),
      PGDATABASE: database,
      PGUSER: loginRole(database, "writer"),
      PGSSLMODE: ssl,
    },
    credentialsSecret: credentials.metadata.name,
  };
}

/** Declares the guard of a router; where there is none, there is nothing left to guard. */
export function declareGuard(
  config: GuardConfig & Pick<MigrationConfig, "database" | "router">,
  needed: {
    readonly namespace: pulumi.Input<string>;
    readonly router: TrafficRouter | undefined;
    /** The file of flags that both pools read. */
    readonly flags: k8s.core.v1.ConfigMap;
    /** Where the journal is; its tables need not be there yet. */
    readonly database: MigrationDatabase | undefined;
  },
  opts: { readonly provider: pulumi.ProviderResource; readonly dependsOn: pulumi.Resource[] },
): void {
  const { namespace, router, flags, database } = needed;
  if (router === undefined || config.router.retire) return;
  new Guard(
    {
      ...config,
      image: config.router.toolsImage,
      brake: config.router.brakeToken !== undefined,
      agents: router.agents,
      tokensSecret: router.tokensSecret,
      flagsConfigMap: flags.metadata.name,
      namespace,
    },
    { ...opts, dependsOn: [...opts.dependsOn, ...(database?.access ?? [])] },
  );
}
