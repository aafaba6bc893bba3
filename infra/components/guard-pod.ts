import type * as k8s from "@pulumi/kubernetes";
import type * as pulumi from "@pulumi/pulumi";
import { guardPortName } from "../rollout/guard-report.ts";
import type { GuardPodSettings } from "../rollout/guard-settings.ts";
import { objectNames } from "../rollout/names.ts";
import { spreadPods } from "./pod-spread.ts";
import { restrictedContainer, restrictedOwnPod } from "./restricted-pod.ts";
import { credentialsMount, credentialsVolume } from "./service-account.ts";

/** What a pod of the guard is made of. */
export interface GuardPodArgs {
  /** Image with the project's tools. */
  readonly image: string;
  readonly settings: GuardPodSettings;
  /** Name of the ServiceAccount. */
  readonly account: pulumi.Input<string>;
  /** Name of the Secret with the key `agent` and, where the agents take the direct brake, `brake`. */
  readonly tokensSecret: pulumi.Input<string>;
  /** Whether the agents take the direct brake. */
  readonly brake: boolean;
  /** Name of the ConfigMap with the pools' flags. */
  readonly flagsConfigMap: pulumi.Input<string>;
  /** How its journal is reached; absent where the stack has no database. */
  readonly database: GuardDatabase | undefined;
}

/** How the guard reaches the database. */
export interface GuardDatabase {
  /** libpq's variables, the password excepted. */
  readonly connection: Readonly<Record<string, string>>;
  /** Name of the Secret with the password, key `PGPASSWORD`. */
  readonly credentialsSecret: pulumi.Input<string>;
}

/** What the guard has seen and not yet journaled: lost with the pod, kept when the container dies. */
const stateDirectory = "/var/lib/guard";

/** A directory, because only those follow a change of their ConfigMap. */
const flagsDirectory = "/etc/guard/flags";

/** Seconds in which a stopping guard hands its Lease over and writes what it still has. */
const terminationSeconds = 15;

/**
 * Room for the guard's heap, MiB. With 100 routers, 1,000 pods and nearly two million sessions it uses 40, and the process
 * takes 185 (measured). Twice the room for young objects takes ten more and saves no CPU time.
 */
const nodeOptions = "--max-semi-space-size=2 --max-old-space-size=144";

/** A guard that takes the Lease over journals all sessions at once: with nearly two million it takes 304 MiB then (measured). */
const memoryLimit = "384Mi";

/** Most arenas of glibc's malloc. With one for each thread, as is its default, the process takes 14 MiB more (measured). */
const mallocArenas = "2";

/**
 * The guard alone. Neither the stage nor whether there is a V2 is in its specification: it watches from the first stage
 * on, and a step must not start it anew.
 */
export function guardPodSpec(args: GuardPodArgs): k8s.types.input.core.v1.PodSpec {
  return {
    serviceAccountName: args.account,
    automountServiceAccountToken: false,
    securityContext: restrictedOwnPod,
    terminationGracePeriodSeconds: terminationSeconds,
    topologySpreadConstraints: spreadPods(objectNames.guard),
    containers: [guardContainer(args)],
    volumes: [
      { name: "state", emptyDir: { sizeLimit: "1Gi" } },
      { name: "flags", configMap: { name: args.flagsConfigMap } },
      credentialsVolume,
    ],
  };
}

function guardContainer(args: GuardPodArgs): k8s.types.input.core.v1.Container {
  const probe = (path: string) => ({ httpGet: { path, port: guardPortName }, timeoutSeconds: 3 });
  return {
    name: "guard",
    image: args.image,
    imagePullPolicy: "IfNotPresent",
    command: ["/usr/local/bin/node", "/app/scripts/agents/guard.ts"],
    ports: [{ name: guardPortName, containerPort: args.settings.port, protocol: "TCP" }],
    env: environment(args),
    startupProbe: { ...probe("/livez"), periodSeconds: 1, failureThreshold: 60 },
    livenessProbe: { ...probe("/livez"), periodSeconds: 10, failureThreshold: 3 },
    readinessProbe: { ...probe("/readyz"), periodSeconds: 2, failureThreshold: 2 },
    resources: { requests: { cpu: "50m", memory: "128Mi" }, limits: { memory: memoryLimit } },
    securityContext: restrictedContainer,
    volumeMounts: [
      { name: "state", mountPath: stateDirectory },
      { name: "flags", mountPath: flagsDirectory, readOnly: true },
      credentialsMount,
    ],
  };
}

function environment({
  settings,
  tokensSecret,
  brake,
  database,
}: GuardPodArgs): k8s.types.input.core.v1.EnvVar[] {
  const secret = (name: string, of: pulumi.Input<string>, key: string) => ({
    name,
    valueFrom: { secretKeyRef: { name: of, key } },
  });
  return [
    { name: "GUARD_SETTINGS", value: JSON.stringify(settings) },
    { name: "POD_NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
    { name: "POD_NAMESPACE", valueFrom: { fieldRef: { fieldPath: "metadata.namespace" } } },
    secret("GUARD_TOKEN", tokensSecret, "agent"),
    ...(brake ? [secret("ROUTER_BRAKE_TOKEN", tokensSecret, "brake")] : []),
    ...(database === undefined
      ? []
      : [
          ...Object.entries(database.connection).map(([name, value]) => ({ name, value })),
          secret("PGPASSWORD", database.credentialsSecret, "PGPASSWORD"),
        ]),
    { name: "NODE_OPTIONS", value: nodeOptions },
    { name: "MALLOC_ARENA_MAX", value: mallocArenas },
  ];
}
