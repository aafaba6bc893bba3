import type { Side } from "../../infra/rollout/decision.ts";
import { poolAdminPort, poolName } from "../../infra/rollout/names.ts";
import type { Faults } from "../../test/pool/faults.ts";
import type { Environment } from "../local/environment.ts";
import { podsOf } from "./pods.ts";
import type { StackCommands } from "./stack-commands.ts";

/** Tells every address the same; one that is gone is passed over. */
const program = `
const [body, ...urls] = process.argv.slice(1);
await Promise.allSettled(urls.map((url) => fetch(url, {
  method: "PUT",
  headers: { "content-type": "application/json" },
  body,
  signal: AbortSignal.timeout(2000),
})));
`;

/** Addresses at which the running pods of a side take faults. */
export async function faultUrls(commands: StackCommands, side: Side): Promise<string[]> {
  const pods = await podsOf(commands, poolName(side));
  return pods.map(({ address }) => `http://${address}:${poolAdminPort}/admin/faults`);
}

/** Tells pods to have faults; what is not named is off. */
export async function setPoolFaults(
  environment: Environment,
  urls: readonly string[],
  faults: Partial<Faults>,
): Promise<void> {
  const args = ["--input-type=module", "-e", program, JSON.stringify(faults), ...urls];
  await environment.execInside(process.execPath, args);
}
