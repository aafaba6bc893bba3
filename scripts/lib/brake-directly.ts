import { readFile } from "node:fs/promises";
import { newEngagementId } from "../../infra/rollout/brake.ts";
import { describeEngagement, identifyLocally } from "./brake-object.ts";
import {
  describeDirectly,
  engageDirectly,
  findAgent,
  isBrakedDirectly,
  isRetiredDirectly,
} from "./direct-brake.ts";
import { VerbError, exitCodes } from "./verb.ts";

/** Environment variable with the token of the direct brake, by the name that it has in the agents. */
export const tokenVariable = "ROUTER_BRAKE_TOKEN";

/** What a person is told who brakes after V1 is gone. */
export const retiredText =
  "the stack is at stage retired: V1 is gone, so all traffic stays on V2 and the brake has no effect";

/** Counted from the start of the process, because that is what the person waits for. */
export function secondsSinceStart(): number {
  return Math.round(performance.now() / 10) / 100;
}

async function readToken(path: string | undefined): Promise<string> {
  const given =
    path === undefined
      ? process.env[tokenVariable]
      : await readFile(path, "utf8").catch((error: unknown) => {
          throw new VerbError(
            exitCodes.refused,
            `--token-file is "${path}": ${(error as Error).message}`,
          );
        });
  const token = given?.trim() ?? "";
  if (/^[!-~]+$/.test(token)) return token;
  throw new VerbError(
    exitCodes.refused,
    `${path === undefined ? tokenVariable : `--token-file "${path}"`} holds no token: ` +
      "give the stack's router.brakeToken, by --token-file <path> or by that variable",
  );
}

/**
 * Engages at the agents themselves, waits until each applies 0 % and prints the result. No API server is asked, not
 * even who this is.
 *
 * @returns the exit code
 */
export async function brakeDirectly(
  options: { reason: string; timeout: number; tokenFile?: string | undefined; json: boolean },
  agents: readonly string[],
  { dryRun, signal }: { dryRun: boolean; signal: AbortSignal },
): Promise<number> {
  const token = await readToken(options.tokenFile);
  const now = new Date();
  const request = { id: newEngagementId(now), ...identifyLocally(), why: options.reason };
  const engagement = { ...request, when: now.toISOString() };
  const description = describeEngagement(engagement);
  const print = (outcome: string, replicas: readonly object[], lines: string[]) => {
    const result = { outcome, engagement, seconds: secondsSinceStart(), agents: replicas };
    const text = options.json ? JSON.stringify(result, undefined, 2) : lines.join("\n");
    process.stdout.write(`${text}\n`);
  };
  if (dryRun) {
    const found = await Promise.all(agents.map((agent) => findAgent(agent, signal)));
    print("dryRun", found, [
      `would engage directly: ${description}`,
      ...found.map(({ agent, problem }) => `  ${agent}: ${problem ?? "answers"}`),
    ]);
    const all = found.every(({ problem }) => problem === undefined);
    return all ? exitCodes.done : exitCodes.infrastructure;
  }
  const { timeout: timeoutSeconds } = options;
  const goal = { agents, token, request, timeoutSeconds, signal };
  const { replicas, exitCode } = await engageDirectly(goal);
  const listed = replicas.map((replica) => ({ ...replica, braked: isBrakedDirectly(replica) }));
  const braked = listed.filter((replica) => replica.braked);
  const count = `${String(braked.length)} of ${String(listed.length)}`;
  const next =
    "router pods that start later do not know of it: once the API server answers, run npm run brake without " +
    "--agent as well; npm run release names both";
  if (exitCode === exitCodes.done) {
    print("engaged", listed, [
      `engaged directly: ${description}`,
      `all traffic of these agents on V1: ${count} apply 0 %, after ${secondsSinceStart().toFixed(1)} s`,
      next,
    ]);
  } else if (replicas.some(isRetiredDirectly)) {
    print("retired", listed, [retiredText]);
  } else {
    print("unconfirmed", listed, [
      `NOT CONFIRMED: ${count} agents apply 0 %: ${description}`,
      ...replicas
        .filter((replica) => !isBrakedDirectly(replica))
        .map((replica) => `  ${describeDirectly(replica)}`),
      ...(replicas.some(({ answer }) => answer) ? [next] : []),
    ]);
  }
  return exitCode;
}
