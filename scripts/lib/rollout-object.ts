import { objectNames } from "../../infra/rollout/names.ts";
import type { RolloutRecord } from "../../infra/rollout/rollout-record.ts";
import { parseRolloutData } from "../../infra/rollout/rollout-record.ts";
import type { StackTarget } from "./cluster-options.ts";
import { isFailure } from "./kubernetes-error.ts";
import type { ConfigMap } from "./kubernetes-objects.ts";
import { resources } from "./kubernetes-objects.ts";
import { VerbError, exitCodes } from "./verb.ts";

/**
 * Stage and percentage that the stack declares.
 *
 * @throws VerbError (code 2) if the stack is not deployed or wrote something unreadable; KubernetesError
 */
export async function readRollout(
  { client, namespace, stack }: StackTarget,
  signal: AbortSignal,
): Promise<RolloutRecord> {
  let object: ConfigMap;
  try {
    object = await client.get<ConfigMap>(resources.configMaps, namespace, objectNames.rollout, {
      signal,
    });
  } catch (error) {
    if (!isFailure(error, "notFound")) throw error;
    throw new VerbError(
      exitCodes.refused,
      `no stack is deployed in namespace ${namespace} (${client.connection.source}): it has no ConfigMap ` +
        `${objectNames.rollout}. Deploy it with pulumi up --stack ${stack}, ` +
        "or name the right --stack, --namespace or --context",
    );
  }
  try {
    return parseRolloutData(object.data);
  } catch (error) {
    throw new VerbError(exitCodes.refused, (error as Error).message);
  }
}
