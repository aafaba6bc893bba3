import { workloadSelector } from "../../infra/rollout/names.ts";
import type { StackCommands } from "./stack-commands.ts";

/** Addresses of a workload's running pods, inside the cluster. */
export async function podAddresses(commands: StackCommands, workload: string): Promise<string[]> {
  const labels = Object.entries(workloadSelector(workload)).map((pair) => pair.join("="));
  const { output } = await commands.kubectl([
    ...["get", "pods", "--selector", labels.join(","), "--field-selector", "status.phase=Running"],
    ...["--output", "jsonpath={.items[*].status.podIP}"],
  ]);
  return output.split(/\s+/).filter((address) => address !== "");
}
