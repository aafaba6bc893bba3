import { readdirSync, readFileSync } from "node:fs";
import { sendSignal } from "../../../scripts/local/processes.ts";
import type { StackCommands } from "../../../scripts/rehearsal/stack-commands.ts";

/** Name and uid of the running pods of a workload. */
export async function podsOf(
  commands: StackCommands,
  workload: string,
): Promise<{ name: string; uid: string }[]> {
  const selector = `--selector=app.kubernetes.io/name=${workload}`;
  const { output } = await commands.kubectl(["get", "pods", selector, "--output=json"]);
  const { items } = JSON.parse(output) as {
    items: {
      metadata: { name: string; uid: string; deletionTimestamp?: string };
      status: { phase: string };
    }[];
  };
  return items
    .filter(({ metadata, status }) => status.phase === "Running" && !metadata.deletionTimestamp)
    .map(({ metadata: { name, uid } }) => ({ name, uid }));
}

/**
 * Kills every process of a pod, as a node that dies would. The kubelet makes the pod anew if it still
 * has to be there.
 * @returns how many processes there were
 */
export function killPod(uid: string): number {
  const processes = processesOfPod(uid);
  for (const pid of processes) sendSignal(pid, "SIGKILL");
  return processes.length;
}

/** Kills the agent in a router pod, as a crash would: the kubelet starts its container again, Envoy runs on. */
export function killAgent(uid: string): void {
  const agents = processesOfPod(uid).filter((pid) =>
    commandLineOf(pid).includes("router-agent.ts"),
  );
  if (agents.length === 0) throw new Error(`No agent runs in the pod ${uid}.`);
  for (const pid of agents) sendSignal(pid, "SIGKILL");
}

/** Ends all pods of a workload at once and for good; {@link restore} brings them back. */
export async function killWorkload(commands: StackCommands, workload: string): Promise<void> {
  const pods = await podsOf(commands, workload);
  await commands.kubectl(["scale", "deployment", workload, "--replicas=0"]);
  for (const { uid } of pods) killPod(uid);
}

/** Waits until a workload has two ready pods again. */
export async function restore(commands: StackCommands, workload: string): Promise<void> {
  await commands.kubectl(["scale", "deployment", workload, "--replicas=2"]);
  await commands.kubectl(["rollout", "status", "deployment", workload, "--timeout=60s"]);
}

/** Processes of a pod, as this machine numbers them. */
export function processesOfPod(uid: string): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => controlGroupOf(pid).includes(`pod${uid}`));
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // it has ended meanwhile
  }
}

function controlGroupOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, "utf8");
  } catch {
    return ""; // it has ended meanwhile
  }
}
