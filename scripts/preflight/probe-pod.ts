import { setTimeout as sleep } from "node:timers/promises";
import { isFailure } from "../lib/kubernetes-error.ts";
import type { KubernetesClient } from "../lib/kubernetes.ts";
import type { clusterWide, KubernetesObject, ResourceKind } from "../lib/kubernetes-objects.ts";
import { resources } from "../lib/kubernetes-objects.ts";

/** A short-lived pod whose only purpose is to learn what becomes of it. */
export interface Probe {
  /** Part of the pod's name. */
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** An image of this project: it runs as the user that the program's pods run as. */
  readonly own: boolean;
}

/** What became of it. */
export type ProbeResult =
  /** The image is on the node; `output` is what the command said, or why it could not be started. */
  | { readonly kind: "ended"; readonly exitCode: number; readonly output: string }
  /** The node could not get the image. */
  | { readonly kind: "notPulled"; readonly why: string }
  /** The node has the image and refuses to run it as it has to. */
  | { readonly kind: "refused"; readonly why: string }
  /** The time was over before. */
  | { readonly kind: "late"; readonly why: string };

/** The little of a pod's status that is looked at. */
export interface PodStatus {
  readonly phase?: string;
  readonly reason?: string;
  readonly message?: string;
  readonly conditions?: readonly { type: string; status: string; message?: string }[];
  readonly containerStatuses?: readonly {
    readonly state?: {
      readonly waiting?: { reason?: string; message?: string };
      readonly terminated?: { exitCode: number; reason?: string; message?: string };
    };
  }[];
}

interface Pod extends KubernetesObject {
  status?: PodStatus;
}

/** Labels of all that preflight makes in a cluster. */
export const probeLabels = {
  "app.kubernetes.io/name": "preflight",
  "app.kubernetes.io/part-of": "pool-migration",
};

/** User of the project's own images, as the program sets it. */
const ownUser = 65532;

const pollMilliseconds = 300;

/** Reasons for which a container waits because its image cannot be had. */
const pullReasons = new Set([
  "ErrImagePull",
  "ImagePullBackOff",
  "InvalidImageName",
  "ErrImageNeverPull",
  "ImageInspectError",
  "RegistryUnavailable",
  "SignatureValidationFailed",
]);

/** Reasons for which a container waits although its image is there. */
const startReasons = new Set(["CreateContainerError", "RunContainerError", "CrashLoopBackOff"]);

/**
 * The pod: under the same rules as those of the program (Pod Security Standard "restricted", pull policy), without
 * an account, and ended by the cluster even if this process cannot remove it.
 */
export function probePod(probe: Probe, suffix: string, limitSeconds: number): object {
  const user = probe.own ? { runAsUser: ownUser, runAsGroup: ownUser } : {};
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `preflight-${probe.name}-${suffix}`, labels: probeLabels },
    spec: {
      restartPolicy: "Never",
      activeDeadlineSeconds: limitSeconds,
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: {
        runAsNonRoot: true,
        seccompProfile: { type: "RuntimeDefault" },
        ...user,
      },
      containers: [
        {
          name: "probe",
          image: probe.image,
          imagePullPolicy: "IfNotPresent",
          command: probe.command,
          env: Object.entries(probe.env ?? {}).map(([name, value]) => ({ name, value })),
          terminationMessagePolicy: "FallbackToLogsOnError",
          resources: {
            requests: { cpu: "10m", memory: "32Mi" },
            limits: { cpu: "500m", memory: "256Mi" },
          },
          securityContext: {
            allowPrivilegeEscalation: false,
            capabilities: { drop: ["ALL"] },
            readOnlyRootFilesystem: true,
          },
        },
      ],
    },
  };
}

/** What a pod's status says about its probe; undefined while it says nothing yet. */
export function judgePod(status: PodStatus): ProbeResult | undefined {
  const state = status.containerStatuses?.[0]?.state;
  const { terminated, waiting } = state ?? {};
  if (terminated !== undefined) {
    const output = (terminated.message ?? terminated.reason ?? "").trim();
    return { kind: "ended", exitCode: terminated.exitCode, output };
  }
  const reason = waiting?.reason ?? "";
  const why = (waiting?.message ?? reason).trim();
  if (pullReasons.has(reason)) return { kind: "notPulled", why };
  if (reason === "CreateContainerConfigError") return { kind: "refused", why };
  if (startReasons.has(reason)) return { kind: "ended", exitCode: 128, output: why };
  if (status.phase === "Failed") {
    return { kind: "late", why: status.message ?? status.reason ?? "the pod failed" };
  }
  return undefined;
}

/** What a pod waits for, as far as the cluster says. */
function waitsFor(status: PodStatus): string {
  const unscheduled = status.conditions?.find(
    ({ type, status: value }) => type === "PodScheduled" && value === "False",
  );
  if (unscheduled?.message !== undefined) return unscheduled.message;
  const waiting = status.containerStatuses?.[0]?.state?.waiting;
  return waiting?.message ?? waiting?.reason ?? "the cluster says nothing about the pod";
}

/** Runs a probe to its end and removes the pod, whatever happens. */
export async function runProbe(
  client: KubernetesClient,
  namespace: string,
  probe: Probe,
  limits: { suffix: string; timeoutSeconds: number; signal: AbortSignal },
): Promise<ProbeResult> {
  const { suffix, timeoutSeconds, signal } = limits;
  const deadline = performance.now() + timeoutSeconds * 1000;
  const pod = probePod(probe, suffix, Math.ceil(timeoutSeconds) + 30);
  const name = `preflight-${probe.name}-${suffix}`;
  try {
    await createPod(client, namespace, pod, { deadline, signal });
    for (;;) {
      const { status = {} } = await client.get<Pod>(resources.pods, namespace, name, { signal });
      const result = judgePod(status);
      if (result !== undefined) return result;
      if (performance.now() > deadline) return { kind: "late", why: waitsFor(status) };
      await sleep(pollMilliseconds, undefined, { signal });
    }
  } finally {
    await removeMade(client, resources.pods, namespace, name);
  }
}

/**
 * Removes what preflight made, also after Ctrl-C. Where that is refused the making was refused as well, or the
 * missing right is among the findings.
 */
export async function removeMade(
  client: KubernetesClient,
  kind: ResourceKind,
  namespace: string | typeof clusterWide,
  name: string,
): Promise<void> {
  try {
    await client.delete(kind, namespace, name, { gracePeriodSeconds: 0 });
  } catch (error) {
    if (!isFailure(error, "refused")) throw error;
  }
}

/** A namespace takes pods only once a controller has given it its service account. */
async function createPod(
  client: KubernetesClient,
  namespace: string,
  pod: object,
  { deadline, signal }: { deadline: number; signal: AbortSignal },
): Promise<void> {
  for (;;) {
    try {
      await client.create(resources.pods, namespace, pod, { signal });
      return;
    } catch (error) {
      const early = isFailure(error, "refused") && error.message.includes("serviceaccount");
      if (!early || performance.now() > deadline) throw error;
      await sleep(pollMilliseconds, undefined, { signal });
    }
  }
}
