import type { DirectBrakeAnswer, DirectBrakeRequest } from "../../infra/rollout/direct-brake.ts";
import { directBrakeAnswerSchema, directBrakePath } from "../../infra/rollout/direct-brake.ts";
import { retiredStage } from "../../infra/rollout/stages.ts";
import { waitUntil } from "./progress.ts";
import { exitCodes } from "./verb.ts";

/** What became of the brake at one agent. */
export interface DirectReplica {
  /** Address as it was given. */
  agent: string;
  /** The agent's last answer; absent while it did not engage. */
  answer?: DirectBrakeAnswer;
  /** Why there is no answer, as a part of a sentence. */
  problem?: string;
  /** Asking again cannot help. */
  final?: true;
}

/** What is sent to which agents. */
export interface DirectGoal {
  agents: readonly string[];
  token: string;
  request: DirectBrakeRequest;
  timeoutSeconds: number;
  signal: AbortSignal;
}

/** An agent answers once it has stored the engagement: one that takes longer is asked again. */
const answerTimeoutMilliseconds = 2_000;

/** The agent says that Envoy applies 0 %. */
export function isBrakedDirectly({ answer }: DirectReplica): boolean {
  return answer?.appliedPercentage === 0;
}

/** The agent says that there is no V1 any more, so there is nothing to wait for. */
export function isRetiredDirectly({ answer }: DirectReplica): boolean {
  return answer?.stage === retiredStage;
}

/** One line about an agent. */
export function describeDirectly({ agent, answer, problem, final }: DirectReplica): string {
  if (answer === undefined || final) return `${agent}: not engaged: ${problem ?? "no answer yet"}`;
  const { appliedPercentage } = answer;
  const applied =
    appliedPercentage === undefined
      ? "its Envoy does not answer yet"
      : `${String(appliedPercentage)} % applied`;
  return `${agent}: brake engaged, ${applied}`;
}

/** Posts to every agent until each applies 0 % or has refused for good: the same id again changes nothing. */
export async function engageDirectly(goal: DirectGoal): Promise<{
  replicas: readonly DirectReplica[];
  /** 0 when all apply 0 %; 3 when one gave no answer; 2 when all answered and one refused or does not apply it. */
  exitCode: number;
}> {
  let replicas: DirectReplica[] = goal.agents.map((agent) => ({ agent }));
  const isOpen = (replica: DirectReplica) =>
    !isBrakedDirectly(replica) && !isRetiredDirectly(replica) && !replica.final;
  await waitUntil({
    timeoutSeconds: goal.timeoutSeconds,
    intervalMilliseconds: 100,
    signal: goal.signal,
    describe: () => replicas.filter(isOpen).map(describeDirectly).join("; "),
    look: async () => {
      const ask = async (replica: DirectReplica) =>
        isOpen(replica) ? await engageOne(goal, replica) : replica;
      replicas = await Promise.all(replicas.map(ask));
      return !replicas.some(isOpen);
    },
  });
  const open = replicas.filter((replica) => !isBrakedDirectly(replica));
  const silent = open.some(({ answer, final }) => answer === undefined && !final);
  if (open.length === 0) return { replicas, exitCode: exitCodes.done };
  return { replicas, exitCode: silent ? exitCodes.infrastructure : exitCodes.refused };
}

/** Whether an agent is there at all, for a dry run. */
export async function findAgent(agent: string, signal: AbortSignal): Promise<DirectReplica> {
  try {
    const response = await call(agent, "/livez", {}, signal);
    return response.ok ? { agent } : { agent, problem: `status ${String(response.status)}` };
  } catch (error) {
    signal.throwIfAborted();
    return { agent, problem: reasonOf(error) };
  }
}

async function engageOne(
  { token, request, signal }: DirectGoal,
  { agent, answer }: DirectReplica,
): Promise<DirectReplica> {
  // What an agent has stored once stays stored.
  const known = answer === undefined ? { agent } : { agent, answer };
  try {
    const init = {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(request),
    };
    const response = await call(agent, directBrakePath, init, signal);
    const text = await response.text();
    if (response.ok) return { agent, answer: directBrakeAnswerSchema.parse(JSON.parse(text)) };
    const problem = `${String(response.status)} ${text.slice(0, 300).trim()}`;
    // A server's fault may pass; a refusal stays one.
    return response.status < 500 ? { ...known, problem, final: true } : { ...known, problem };
  } catch (error) {
    signal.throwIfAborted();
    return { ...known, problem: reasonOf(error) };
  }
}

function call(
  agent: string,
  path: string,
  init: RequestInit,
  signal: AbortSignal,
): Promise<Response> {
  const limit = AbortSignal.timeout(answerTimeoutMilliseconds);
  const bounds = AbortSignal.any([signal, limit]);
  return fetch(agent.replace(/\/+$/, "") + path, { ...init, redirect: "error", signal: bounds });
}

/** `fetch` hides the reason in the cause. */
function reasonOf(error: unknown): string {
  if (error instanceof SyntaxError) return "its answer is not that of a router-agent";
  const { message, cause } = error as Error;
  return cause instanceof Error
    ? cause.message || (cause as NodeJS.ErrnoException).code || message
    : message;
}
