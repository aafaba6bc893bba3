import { readFileSync } from "node:fs";
import { sendSignal } from "../../../scripts/local/processes.ts";
import { podsOf, processesOfPod } from "../../../scripts/rehearsal/pods.ts";
import type { StackCommands } from "../../../scripts/rehearsal/stack-commands.ts";

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

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // it has ended meanwhile
  }
}
