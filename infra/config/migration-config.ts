import type { Output } from "@pulumi/pulumi";

import type { RouterEntry } from "../rollout/entry.ts";
import type { EvidenceSettings, GuardSettings, Thresholds } from "../rollout/evidence/settings.ts";
import type { Flags } from "../rollout/flags.ts";
import type { ProfileName, Stage } from "../rollout/stages.ts";
import type { PoolContract } from "./sections/pools.ts";
import type { serviceTypes } from "./sections/router.ts";

/** A secret as the program holds it: an Output that Pulumi encrypts in its state. */
export type SecretOutput = Output<string>;

/**
 * Configuration of a stack, checked as a whole. Plain values throughout, so that which resources exist never depends
 * on an unknown; secrets alone are Outputs.
 *
 * @typeParam Secret type of a secret leaf: an Output in the program, plain text in tests of the pure part
 */
export interface MigrationConfig<Secret = SecretOutput> {
  /** Name of the Pulumi stack. */
  readonly stack: string;
  /** Kubernetes namespace that the stack owns. */
  readonly namespace: string;
  readonly profile: ProfileName;
  /** The declared stage. */
  readonly stage: Stage;
  /** All stages of the ladder in force, from `baseline` to `retired`. */
  readonly stages: readonly Stage[];
  /** All six flags; `gradualRolloutPercentage` is that of the declared stage. */
  readonly flags: Flags;
  /** Commanded percentage: the stage's, or 0 while `flags.poolV2Enabled` is off or the entry is `beside`. */
  readonly percentage: number;
  /** What both pools share. */
  readonly pool: PoolConfig;
  /** V1; absent where the stage does not deploy it (`retired`). */
  readonly v1: SideConfig<Secret> | undefined;
  /** V2; absent where the stage does not deploy it (`baseline`). */
  readonly v2: SideConfig<Secret> | undefined;
  /** Limits of a V2 pod, known at every stage: the guard runs from the first one on, and stays as it is when V2 comes. */
  readonly v2Limits: ResourcesConfig["limits"];
  /** The router, or that it is gone. */
  readonly router: RouterConfig<Secret> | RetiredRouterConfig;
  /** Database of the migration's own tables; absent: the stack has none. */
  readonly database: DatabaseConfig<Secret> | undefined;
  /** Limits that alert or roll back; those of the profile where nothing is set. */
  readonly thresholds: Thresholds;
  /** What the session evidence is tested against; that of the profile where nothing is set. */
  readonly evidence: EvidenceSettings;
  /** How the guard works; as the profile says where nothing is set. */
  readonly guard: GuardSettings;
}

/** What both pools share. */
export interface PoolConfig {
  /** `full`: both keep to the pools' contract; `none`: any HTTP service. */
  readonly contract: PoolContract;
  /** Port of the pools' data interface and of the router's Service. */
  readonly port: number;
  /** Path of the readiness check on the data port; kubelet and Envoy ask it. */
  readonly readinessPath: string;
  /** Path of the Prometheus metrics of pools with the full contract. */
  readonly metricsPath: string;
  /** Longest time that a pool works on one request. */
  readonly operationTimeoutSeconds: number;
  /** Longest time that a stopping pod may take to finish what it accepted; at least the operation timeout. */
  readonly drainTimeoutSeconds: number;
  /** Longest time that a Deployment may take to become ready before the update fails. */
  readonly readyTimeoutSeconds: number;
  /** Whether the pools honour the header Idempotency-Key, so that a keyed POST may be repeated. */
  readonly idempotencyKeys: boolean;
}

/** One pool. */
export interface SideConfig<Secret = SecretOutput> {
  /** Image reference with a tag or a digest. */
  readonly image: string;
  /** Number of pods; with an autoscaler the least. */
  readonly replicas: number;
  /** Present where an autoscaler chooses the number of pods: the most, at least `replicas`. */
  readonly autoscaling: { readonly max: number } | undefined;
  /** What each pod gets, as Kubernetes quantities. */
  readonly resources: ResourcesConfig;
  /**
   * Environment variables of the pool's container: those of `pool.settings`, for V2 overridden by `v2.settings`.
   * A value is a secret where its key (`pool` or `v2`) holds any secret.
   */
  readonly settings: Readonly<Record<string, string | Secret>>;
}

/** What each pod of a pool gets, as Kubernetes quantities such as `500m` and `512Mi`. */
export interface ResourcesConfig {
  readonly requests: { readonly cpu: string; readonly memory: string };
  /** Without a limit of CPU a pod may use what is free on its node. */
  readonly limits: { readonly cpu?: string; readonly memory: string };
}

/** Type of the callers' Service. */
type ServiceType = (typeof serviceTypes)[number];

/** The callers' Service. */
interface EntryConfig {
  readonly serviceType: ServiceType;
  /** Where it leads while there is a router; always `inline` at stage `retired`. */
  readonly entry: RouterEntry;
  /** Whether the router is gone and it leads to V2; only at stage `retired`. */
  readonly retire: boolean;
}

/** The router while there is one, and how callers come to it. */
export interface RouterConfig<Secret = SecretOutput> extends EntryConfig {
  readonly retire: false;
  /** Image with Envoy and the router-agent. */
  readonly image: string;
  /** Image that the guard beside the router runs from (`images.tools`). */
  readonly toolsImage: string;
  readonly replicas: number;
  /** Request header that carries the session id, in lower case. */
  readonly sessionHeader: string;
  /** Token of the agents' interface. */
  readonly agentToken: Secret;
  /** Token of the override header; absent: no override routes. */
  readonly overrideToken: Secret | undefined;
  /** Token with which the brake is engaged at the agents themselves; absent: they take none. */
  readonly brakeToken: Secret | undefined;
}

/** The router is gone: nothing is left of it but the callers' Service. */
interface RetiredRouterConfig extends EntryConfig {
  readonly retire: true;
}

/** The database server and the login that administers it. */
export interface DatabaseConfig<Secret = SecretOutput> {
  readonly host: string;
  readonly port: number;
  /** Name of the database that the stack creates. */
  readonly name: string;
  /** Login that may create databases and roles. */
  readonly admin: { readonly user: string; readonly password: Secret };
  readonly ssl: "require" | "disable";
  /** Full months of the pools' samples that are kept before this one, 1 to 120. */
  readonly keepMonths: number;
  /** Image that runs the SQL migrations (`images.tools`). */
  readonly toolsImage: string;
}
