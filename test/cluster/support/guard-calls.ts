import type { Environment } from "../../../scripts/local/environment.ts";

/** A request to the API server. */
export interface Call {
  readonly method: "DELETE" | "GET" | "PATCH" | "POST" | "PUT";
  /** Path with its query. */
  readonly path: string;
  readonly body?: object;
  /** How a patch is written; a merge patch where absent. */
  readonly patch?: "json" | "merge";
}

/** What the API server said. */
export interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>> & { readonly message?: string };
}

/** A call that the API server has to refuse, and what it says then. */
export interface RefusedCall extends Call {
  /** What the guard would do, as the end of "the guard tries to …". */
  readonly what: string;
  readonly reason: RegExp;
}

/** Sends each call of the input as the bearer of the token, one after the other, and prints the answers. */
const clientProgram = `
import { readFileSync } from "node:fs";
import { request } from "node:https";
const { kubeconfig, token, calls } = JSON.parse(readFileSync(0, "utf8"));
const [{ cluster }] = JSON.parse(readFileSync(kubeconfig, "utf8")).clusters;
const ca = readFileSync(cluster["certificate-authority"]);
const send = ({ method, path, body, patch = "merge" }) => new Promise((resolve, reject) => {
  const type = method === "PATCH" ? "application/" + patch + "-patch+json" : "application/json";
  const headers = { authorization: "Bearer " + token, "content-type": type };
  const sent = request(new URL(path, cluster.server), { method, ca, headers }, (response) => {
    let text = "";
    response.setEncoding("utf8").on("data", (part) => (text += part));
    response.on("end", () => resolve({ status: response.statusCode, body: JSON.parse(text) }));
  });
  sent.on("error", reject).end(body === undefined ? undefined : JSON.stringify(body));
});
const answers = [];
for (const call of calls) answers.push(await send(call));
console.log(JSON.stringify(answers));
`;

/** Sends calls with a token alone, without any other credentials, and returns an answer for each. */
export async function callWith(
  token: string,
  environment: Environment,
  calls: readonly Call[],
): Promise<readonly Answer[]> {
  const args = ["--input-type=module", "-e", clientProgram];
  const input = JSON.stringify({ kubeconfig: environment.kubeconfig, token, calls });
  return JSON.parse(await environment.execInside(process.execPath, args, input)) as Answer[];
}

/** Says which right is missing, so that nothing else is taken for the refusal. */
const lacks = (verb: string, resource: string) =>
  new RegExp(`:guard" cannot ${verb} resource "${resource}" in API group`);

/** Whatever else the guard's account could be misused for: all of it lacks a right, and would change nothing if not. */
export function refusedCalls(namespace: string): readonly RefusedCall[] {
  const core = `/api/v1/namespaces/${namespace}`;
  const apps = `/apis/apps/v1/namespaces/${namespace}`;
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}`;
  const leases = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
  const admission = "/apis/admissionregistration.k8s.io/v1";
  const everything = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };
  const refused = (
    what: string,
    [method, path, body]: readonly [Call["method"], string, object?],
    [verb, resource]: readonly [string, string],
  ): RefusedCall => ({
    ...{ what, method, reason: lacks(verb, resource) },
    path: method === "GET" ? path : `${path}${path.includes("?") ? "&" : "?"}dryRun=All`,
    ...(body === undefined ? {} : { body }),
  });
  const raise = { data: { stage: "p100", percentage: "100" } };
  const object = (name: string, content: object = {}) => ({
    metadata: { name, namespace },
    ...content,
  });
  return [
    refused(
      "raise the percentage",
      ["PATCH", `${core}/configmaps/rollout`, raise],
      ["patch", "configmaps"],
    ),
    refused(
      "replace the percentage",
      ["PUT", `${core}/configmaps/rollout`, object("rollout", raise)],
      ["update", "configmaps"],
    ),
    refused(
      "delete the percentage",
      ["DELETE", `${core}/configmaps/rollout`],
      ["delete", "configmaps"],
    ),
    refused(
      "replace the brake",
      ["PUT", `${core}/configmaps/brake`, object("brake")],
      ["update", "configmaps"],
    ),
    refused("delete the brake", ["DELETE", `${core}/configmaps/brake`], ["delete", "configmaps"]),
    refused(
      "delete all ConfigMaps",
      ["DELETE", `${core}/configmaps`],
      ["deletecollection", "configmaps"],
    ),
    refused(
      "make a ConfigMap",
      ["POST", `${core}/configmaps`, object("other")],
      ["create", "configmaps"],
    ),
    refused("list the ConfigMaps", ["GET", `${core}/configmaps`], ["list", "configmaps"]),
    refused(
      "switch a flag",
      ["PATCH", `${core}/configmaps/pool-flags`, { data: {} }],
      ["patch", "configmaps"],
    ),
    refused(
      "scale V1 to nothing",
      ["PATCH", `${apps}/deployments/pool-v1/scale`, { spec: { replicas: 0 } }],
      ["patch", "deployments/scale"],
    ),
    refused(
      "change V2",
      ["PATCH", `${apps}/deployments/pool-v2`, { spec: { paused: true } }],
      ["patch", "deployments"],
    ),
    refused(
      "change the router",
      ["PATCH", `${apps}/deployments/router`, { spec: { replicas: 0 } }],
      ["patch", "deployments"],
    ),
    refused(
      "lead the callers elsewhere",
      ["PATCH", `${core}/services/pool`, { spec: { selector: { a: "b" } } }],
      ["patch", "services"],
    ),
    refused("list the Secrets", ["GET", `${core}/secrets`], ["list", "secrets"]),
    refused("read a Secret", ["GET", `${core}/secrets/router-tokens`], ["get", "secrets"]),
    refused(
      "make itself another's token",
      ["POST", `${core}/serviceaccounts/router/token`, { spec: {} }],
      ["create", "serviceaccounts/token"],
    ),
    refused(
      "give itself more rights",
      ["PATCH", `${rbac}/roles/guard`, { rules: [everything] }],
      ["patch", "roles"],
    ),
    refused(
      "bind itself to other rights",
      ["POST", `${rbac}/rolebindings`, object("more", { roleRef: {}, subjects: [] })],
      ["create", "rolebindings"],
    ),
    refused(
      "remove what narrows its writes",
      ["DELETE", `${admission}/validatingadmissionpolicies/${namespace}-brake`],
      ["delete", "validatingadmissionpolicies"],
    ),
    refused("read a pod", ["GET", `${core}/pods/any`], ["get", "pods"]),
    refused("delete a pod", ["DELETE", `${core}/pods/any`], ["delete", "pods"]),
    refused(
      "ask a pod through the API server",
      ["GET", `${core}/pods/any:9090/proxy/report`],
      ["get", "pods/proxy"],
    ),
    refused(
      "run something in a pod",
      ["POST", `${core}/pods/any/exec?command=ls`],
      ["create", "pods/exec"],
    ),
    refused("make a Lease", ["POST", leases, object("other")], ["create", "leases"]),
    refused("delete its Lease", ["DELETE", `${leases}/guard`], ["delete", "leases"]),
    refused(
      "hold another Lease",
      ["PUT", `${leases}/other`, object("other")],
      ["update", "leases"],
    ),
    refused("read the Events", ["GET", `${core}/events`], ["list", "events"]),
    refused(
      "list the pods of others",
      ["GET", "/api/v1/namespaces/default/pods"],
      ["list", "pods"],
    ),
    refused("list the pods of all", ["GET", "/api/v1/pods"], ["list", "pods"]),
    refused("list the nodes", ["GET", "/api/v1/nodes"], ["list", "nodes"]),
  ];
}
