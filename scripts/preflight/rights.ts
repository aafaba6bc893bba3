import { createHash } from "node:crypto";
import type { KubernetesClient } from "../lib/kubernetes.ts";
import type { Finding, Problem } from "./finding.ts";
import { finding, trouble } from "./finding.ts";
import type { RequiredRight } from "./required-rights.ts";
import { requiredRights } from "./required-rights.ts";

/** A right of which some verbs are missing: `verbs` holds these alone. */
export type MissingRight = RequiredRight;

/** Where the stack's objects are, or will be. */
export interface StackPlace {
  readonly namespace: string;
  /** Whether the namespace is there already. */
  readonly exists: boolean;
}

/** Questions to the API server that are under way at once. */
const concurrency = 8;

/** Asks the API server about each right that the program and the verbs need. */
export async function checkRights(
  client: KubernetesClient,
  place: StackPlace,
  signal: AbortSignal,
): Promise<Finding> {
  const questions = requiredRights.flatMap((right) => right.verbs.map((verb) => ({ right, verb })));
  const denied: typeof questions = [];
  const open = [...questions];
  const ask = async (): Promise<void> => {
    for (let next = open.shift(); next !== undefined; next = open.shift()) {
      const { right, verb } = next;
      const [resource = "", subresource] = right.resource.split("/");
      const namespace = right.scope === "cluster" ? undefined : place.namespace;
      const action = { verb, group: right.group, resource, subresource, namespace };
      if (!(await client.mayI(action, { signal }))) denied.push(next);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, ask));
  if (denied.length === 0) {
    return finding("passed", `all ${String(questions.length)} that are needed`);
  }
  const user = await client.whoAmI({ signal });
  const missing = requiredRights
    .map((right) => ({
      ...right,
      verbs: right.verbs.filter((verb) =>
        denied.some((other) => other.right === right && other.verb === verb),
      ),
    }))
    .filter(({ verbs }) => verbs.length > 0);
  const detail = `${String(denied.length)} of ${String(questions.length)} are missing to ${user}`;
  return trouble("failed", detail, ...rightProblems(user, missing, place));
}

/**
 * The missing rights with the commands by which an administrator of the cluster grants them. While the namespace
 * is not there no binding can be made in it: then all of them are granted in the whole cluster.
 *
 * @param user as the API server names it
 */
export function rightProblems(
  user: string,
  missing: readonly MissingRight[],
  place: StackPlace,
): Problem[] {
  const groups = new Map<string, MissingRight[]>();
  for (const right of missing) {
    const alike = `${right.scope} ${right.verbs.join(",")}`;
    groups.set(alike, [...(groups.get(alike) ?? []), right]);
  }
  return [...groups.values()].map((rights) => {
    const [first] = rights;
    const verbs = first?.verbs.join(",") ?? "";
    const names = rights.map(qualifiedResource).join(",");
    const whole = first?.scope === "cluster" || !place.exists;
    const where = first?.scope === "cluster" ? "in the cluster" : `in namespace ${place.namespace}`;
    // Another name for other rights, so that what was granted before is in nobody's way.
    const digest = createHash("sha256").update(`${user} ${verbs} ${names}`).digest("hex");
    const name = `${place.namespace}-${digest.slice(0, 8)}`;
    const [kind, binding, scope] = whole
      ? ["clusterrole", "clusterrolebinding", ""]
      : ["role", "rolebinding", ` --namespace=${place.namespace}`];
    const role = `kubectl create ${kind} ${name}${scope} --verb=${verbs} --resource=${names}`;
    const bind = `kubectl create ${binding} ${name}${scope} --${kind}=${name} ${subject(user)}`;
    return {
      what: `${user} may not ${verbs.replaceAll(",", ", ")} ${names.replaceAll(",", ", ")} ${where}.`,
      fix: `Have an administrator of the cluster grant it:\n${role}\n${bind}`,
    };
  });
}

/** As kubectl takes it: `deployments.apps`, `pods/proxy`. */
function qualifiedResource({ group, resource }: RequiredRight): string {
  return group === "" ? resource : `${resource}.${group}`;
}

function subject(user: string): string {
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user);
  return account === null
    ? `--user='${user.replaceAll("'", "'\\''")}'`
    : `--serviceaccount=${account[1] ?? ""}:${account[2] ?? ""}`;
}
