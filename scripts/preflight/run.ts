import { randomBytes } from "node:crypto";
import { projectName } from "../../infra/rollout/names.ts";
import { KubeconfigError } from "../lib/cluster-connection.ts";
import { findConnection } from "../lib/kubeconfig.ts";
import { KubernetesError } from "../lib/kubernetes-error.ts";
import { KubernetesClient } from "../lib/kubernetes.ts";
import { waitUntil } from "../lib/progress.ts";
import { logIn, withoutTls } from "./database.ts";
import type { Finding, NamedFinding } from "./finding.ts";
import { finding, trouble } from "./finding.ts";
import { checkV1 } from "./pool-v1.ts";
import { findPlace, withProbeNamespace } from "./probe-namespace.ts";
import type { ProbeResult } from "./probe-pod.ts";
import { runProbe } from "./probe-pod.ts";
import { databaseProblem, imageProblem, imageProbes } from "./probes.ts";
import { PulumiError } from "./pulumi-command.ts";
import { checkRights } from "./rights.ts";
import type { ConfigResult, PlainConfig } from "./stack-config.ts";
import { readConfig } from "./stack-config.ts";
import { checkLock } from "./state-lock.ts";
import {
  checkKubectl,
  checkNode,
  checkProviders,
  checkPulumi,
  judgeKubernetes,
} from "./versions.ts";

/** What is checked, and how long it may take. */
export interface PreflightOptions {
  /** As Pulumi takes it, organisation and project included where they are given. */
  readonly stack: string;
  /** Its own name alone. */
  readonly name: string;
  readonly namespace: string;
  /** Longest wait for an image. */
  readonly timeoutSeconds: number;
  readonly signal: AbortSignal;
}

/** Runs every check, side by side as far as they do without each other, and returns what they found, in order. */
export async function runPreflight(options: PreflightOptions): Promise<NamedFinding[]> {
  const { stack, name, namespace, timeoutSeconds, signal } = options;
  const running = new Set<string>();
  const check = async (title: string, look: () => Promise<Finding>): Promise<NamedFinding> => {
    running.add(title);
    try {
      return { check: title, ...(await look().catch((error: unknown) => explain(error, signal))) };
    } finally {
      running.delete(title);
    }
  };

  const config = readConfig(stack, name, signal).catch((error: unknown): ConfigResult => ({
    config: undefined,
    finding: explain(error, signal),
  }));
  const cluster = connect(namespace, signal);
  const inCluster = async (look: (known: ReachedCluster) => Promise<Finding>): Promise<Finding> => {
    const { reached } = await cluster;
    return reached === undefined ? needs("the cluster") : look(reached);
  };
  const configured = async (look: (known: PlainConfig) => Promise<Finding>): Promise<Finding> => {
    const known = (await config).config;
    return known === undefined ? needs("a valid configuration") : look(known);
  };
  const probes = (async (): Promise<Probed> => {
    const [known, { reached }] = [(await config).config, await cluster];
    if (known === undefined || reached === undefined) return [];
    return await probeImages(known, reached, timeoutSeconds, signal);
  })();
  probes.catch(() => undefined); // told by the checks that wait for it

  const checks = [
    check("Node.js", () => checkNode(signal)),
    check("Pulumi", () => checkPulumi(signal)),
    check("providers", () => checkProviders(signal)),
    check("configuration", async () => (await config).finding),
    check("state lock", () => checkLock(stack, name, signal)),
    check("cluster", async () => (await cluster).finding),
    check("kubectl", () => checkKubectl(signal)),
    check("rights", () => inCluster(({ client, place }) => checkRights(client, place, signal))),
    check("V1", () =>
      inCluster(async ({ client }) => checkV1(client, namespace, (await config).config, signal)),
    ),
    check("images", () => inCluster(() => configured(async () => judgeImages(await probes)))),
    check("database", () => configured((known) => checkDatabase(known, probes, signal))),
  ];
  const all = Promise.allSettled(checks);
  try {
    await waitUntil({
      timeoutSeconds: Number.POSITIVE_INFINITY,
      intervalMilliseconds: 50,
      signal,
      describe: () => [...running].join(", "),
      look: () => Promise.resolve(running.size === 0),
    });
  } finally {
    // After Ctrl-C too: what was made in the cluster is removed before this ends.
    await all;
    (await cluster).reached?.client.close();
  }
  return await Promise.all(checks);
}

/** A cluster that answers, and the stack's place in it. */
interface ReachedCluster {
  readonly client: KubernetesClient;
  readonly place: Awaited<ReturnType<typeof findPlace>>;
}

async function connect(
  namespace: string,
  signal: AbortSignal,
): Promise<{ finding: Finding; reached?: ReachedCluster }> {
  try {
    const client = new KubernetesClient(await findConnection());
    const version = await client.version({ signal });
    const place = await findPlace(client, namespace, signal);
    const found = judgeKubernetes(version, client.connection.server.origin);
    return { finding: found, reached: { client, place } };
  } catch (error) {
    return { finding: explain(error, signal) };
  }
}

/** Each image with what became of its probe: a result, or the error that kept it from running. */
type Probed = readonly (readonly [
  ReturnType<typeof imageProbes>[number],
  PromiseSettledResult<ProbeResult>,
])[];

function probeImages(
  config: PlainConfig,
  { client, place }: ReachedCluster,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<Probed> {
  const suffix = randomBytes(3).toString("hex");
  const run = async (namespace: string): Promise<Probed> => {
    const limits = { suffix, timeoutSeconds, signal };
    const probes = imageProbes(config);
    const results = await Promise.allSettled(
      probes.map((probe) => runProbe(client, namespace, probe, limits)),
    );
    return probes.map((probe, index) => {
      const result = results[index];
      if (result === undefined) throw new RangeError("a probe without a result");
      return [probe, result] as const;
    });
  };
  return withProbeNamespace(client, place, suffix, run, signal);
}

function judgeImages(probed: Probed): Finding {
  const problems = probed.flatMap(([probe, result]) => {
    // The first one stands for all: what keeps one pod from being made keeps every one.
    if (result.status === "rejected") throw result.reason;
    return imageProblem(probe, result.value) ?? [];
  });
  const count = `${String(probed.length - problems.length)} of ${String(probed.length)}`;
  const names = probed.map(([{ key }]) => key.join(".")).join(", ");
  if (problems.length > 0) return trouble("failed", `${count} can be used`, ...problems);
  return finding("passed", `${count} on a node of the cluster: ${names}`);
}

async function checkDatabase(
  { database }: PlainConfig,
  probes: Promise<Probed>,
  signal: AbortSignal,
): Promise<Finding> {
  if (database === undefined) return finding("skipped", "none is configured");
  const [answer, probed] = await Promise.all([
    logIn(database, signal),
    probes.catch((): Probed => []),
  ]);
  const tools = probed.find(([{ name }]) => name === "tools")?.[1];
  const result = tools?.status === "fulfilled" ? tools.value : undefined;
  const inside = databaseProblem(database, result, withoutTls);
  const problems = [
    ...("problem" in answer ? [answer.problem] : []),
    ...(typeof inside === "object" ? [inside] : []),
  ];
  const address = `${database.host}:${String(database.port)}`;
  if (problems.length > 0) return trouble("failed", address, ...problems);
  const version = "version" in answer ? answer.version : "";
  const detail = `PostgreSQL ${version} at ${address}, login ${database.admin.user}`;
  if (inside === "reached") return finding("passed", `${detail}, reached from inside too`);
  return trouble("undecided", detail, {
    what: "Whether pods of the cluster reach it could not be looked at: the tools image did not run there.",
    fix: "Mend the images, then run preflight again.",
  });
}

function needs(what: string): Finding {
  return trouble("undecided", `needs ${what}`);
}

/** What an error means for a check; errors of the program itself and interruptions go on. */
function explain(error: unknown, signal: AbortSignal): Finding {
  signal.throwIfAborted();
  if (error instanceof KubernetesError) {
    if (error.failure === "noAnswer" || error.failure === "unavailable") {
      return trouble("unanswered", "the API server does not answer", {
        what: error.message,
        fix: "Check the cluster and the way to it: kubectl cluster-info",
      });
    }
    return trouble("failed", "refused by the API server", {
      what: error.message,
      fix: "Mend what the message names; what rights are missing stands under rights.",
    });
  }
  if (error instanceof KubeconfigError) {
    return trouble("failed", "no usable kubeconfig", {
      what: error.message,
      fix: "export KUBECONFIG=<file>, then: kubectl cluster-info",
    });
  }
  if (error instanceof PulumiError) {
    return trouble("failed", `no ${projectName} without it`, {
      what: error.message,
      fix: "Install the newest 3.x and log in: curl -fsSL https://get.pulumi.com | sh; pulumi login",
    });
  }
  throw error;
}
