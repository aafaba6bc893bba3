import { readdirSync, readFileSync } from "node:fs";
import { workloadSelector } from "../../infra/rollout/names.ts";
import type { StackCommands } from "./stack-commands.ts";

/** A pod that runs and is not being deleted. */
export interface RunningPod {
  readonly name: string;
  readonly uid: string;
  /** Inside the cluster. */
  readonly address: string;
}

/** The running pods of a workload. */
export async function podsOf(commands: StackCommands, workload: string): Promise<RunningPod[]> {
  const labels = Object.entries(workloadSelector(workload)).map((pair) => pair.join("="));
  const { output } = await commands.kubectl([
    ...["get", "pods", "--selector", labels.join(","), "--output=json"],
  ]);
  const { items } = JSON.parse(output) as {
    items: {
      metadata: { name: string; uid: string; deletionTimestamp?: string };
      status: { phase: string; podIP?: string };
    }[];
  };
  return items
    .filter(({ metadata, status }) => status.phase === "Running" && !metadata.deletionTimestamp)
    .map(({ metadata: { name, uid }, status }) => ({ name, uid, address: status.podIP ?? "" }));
}

/** Processes of a pod, as this machine numbers them. */
export function processesOfPod(uid: string): number[] {
  return readdirSync("/proc")
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .filter((pid) => controlGroupOf(pid).includes(`pod${uid}`));
}

function controlGroupOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, "utf8");
  } catch {
    return ""; // it has ended meanwhile
  }
}
