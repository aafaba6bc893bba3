import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import type { ClusterConnection, Credentials } from "./cluster-connection.ts";
import { KubeconfigError, inClusterConnection, readText } from "./cluster-connection.ts";
import { execCredentials, execSchema } from "./exec-credentials.ts";

const clusterSchema = z.object({
  server: z.url({ protocol: /^https?$/ }),
  "certificate-authority": z.string().optional(),
  "certificate-authority-data": z.string().optional(),
  "insecure-skip-tls-verify": z.boolean().default(false),
  "tls-server-name": z.string().optional(),
  "proxy-url": z.string().optional(),
});

const userSchema = z.object({
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  "client-certificate": z.string().optional(),
  "client-certificate-data": z.string().optional(),
  "client-key": z.string().optional(),
  "client-key-data": z.string().optional(),
  as: z.string().optional(),
  "as-groups": z.array(z.string()).optional(),
  exec: execSchema.optional(),
  username: z.string().optional(),
  "auth-provider": z.unknown().optional(),
});

const contextSchema = z.object({
  cluster: z.string(),
  user: z.string().default(""),
  namespace: z.string().optional(),
});

const fileSchema = z.object({
  "current-context": z.string().nullish(),
  contexts: z.array(z.object({ name: z.string(), context: z.unknown() })).nullish(),
  clusters: z.array(z.object({ name: z.string(), cluster: z.unknown() })).nullish(),
  users: z.array(z.object({ name: z.string(), user: z.unknown() })).nullish(),
});

interface Entry {
  value: unknown;
  file: string;
}

interface Merged {
  files: string[];
  currentContext: string | undefined;
  contexts: Map<string, Entry>;
  clusters: Map<string, Entry>;
  users: Map<string, Entry>;
}

/**
 * The connection that kubectl would use: files of `KUBECONFIG` (several are merged, the first entry
 * of a name wins) or `~/.kube/config`, current context or the one named; without any such file, in a
 * pod, the pod's service account.
 *
 * @throws KubeconfigError naming the file, the entry and the next step.
 */
export async function findConnection(
  options: { context?: string | undefined } = {},
  environment: NodeJS.ProcessEnv = process.env,
): Promise<ClusterConnection> {
  const named = (environment["KUBECONFIG"] ?? "").split(delimiter).filter((path) => path !== "");
  const candidates = named.length > 0 ? named : [join(homedir(), ".kube", "config")];
  const merged = await mergeFiles(candidates);
  if (merged.files.length > 0) return connectionOf(merged, options.context, environment);
  if (options.context === undefined && environment["KUBERNETES_SERVICE_HOST"]) {
    return inClusterConnection(environment);
  }
  throw new KubeconfigError(
    `no kubeconfig found (looked for ${candidates.join(", ")}): set KUBECONFIG to the file of the cluster that runs the stack`,
  );
}

async function mergeFiles(paths: string[]): Promise<Merged> {
  const merged: Merged = {
    files: [],
    currentContext: undefined,
    contexts: new Map(),
    clusters: new Map(),
    users: new Map(),
  };
  for (const path of paths) {
    const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
      // kubectl skips files of the list that do not exist, and so do we.
      if (error.code === "ENOENT") return undefined;
      throw new KubeconfigError(`cannot read kubeconfig ${path}: ${error.message}`);
    });
    if (text === undefined) continue;
    const file = parseFile(path, text);
    merged.files.push(path);
    merged.currentContext ??= file["current-context"] || undefined;
    const add = (into: Map<string, Entry>, name: string, value: unknown) => {
      if (!into.has(name)) into.set(name, { value, file: path });
    };
    for (const { name, context } of file.contexts ?? []) add(merged.contexts, name, context);
    for (const { name, cluster } of file.clusters ?? []) add(merged.clusters, name, cluster);
    for (const { name, user } of file.users ?? []) add(merged.users, name, user);
  }
  return merged;
}

function parseFile(path: string, text: string): z.infer<typeof fileSchema> {
  let raw: unknown;
  try {
    raw = parse(text);
  } catch (error) {
    throw new KubeconfigError(`kubeconfig ${path} is no YAML: ${(error as Error).message}`);
  }
  return checked(fileSchema, raw ?? {}, `kubeconfig ${path}`);
}

function checked<T extends z.ZodType>(schema: T, value: unknown, what: string): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new KubeconfigError(`${what}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? ""}`);
}

function lookUp(entries: Map<string, Entry>, kind: string, name: string, merged: Merged): Entry {
  const entry = entries.get(name);
  if (entry !== undefined) return entry;
  const known = [...entries.keys()].map((each) => `"${each}"`).join(", ") || "none";
  throw new KubeconfigError(
    `${kind} "${name}" is not in ${merged.files.join(", ")} (there: ${known}): choose one with --context, or fix the file`,
  );
}

function connectionOf(
  merged: Merged,
  wanted: string | undefined,
  environment: NodeJS.ProcessEnv,
): ClusterConnection {
  const name = wanted ?? merged.currentContext;
  if (name === undefined) {
    throw new KubeconfigError(
      `${merged.files.join(", ")} names no current-context: choose one with --context or kubectl config use-context`,
    );
  }
  const found = lookUp(merged.contexts, "context", name, merged);
  const context = checked(contextSchema, found.value, `context "${name}" in ${found.file}`);
  const clusterEntry = lookUp(merged.clusters, "cluster", context.cluster, merged);
  const clusterName = `cluster "${context.cluster}" in ${clusterEntry.file}`;
  const cluster = checked(clusterSchema, clusterEntry.value, clusterName);
  // A context without a user is legal: an API server that asks for no authentication.
  const userEntry = context.user
    ? lookUp(merged.users, "user", context.user, merged)
    : { value: {}, file: found.file };
  const userName = `user "${context.user}" in ${userEntry.file}`;
  const user = checked(userSchema, userEntry.value ?? {}, userName);

  const unsupported = (what: string, next: string) =>
    new KubeconfigError(`${what} is not supported here: ${next}`);
  if (cluster["proxy-url"] !== undefined) {
    throw unsupported(
      `proxy-url of ${clusterName}`,
      "use a context that reaches the server itself",
    );
  }
  if (user["auth-provider"] !== undefined) {
    throw unsupported(
      `auth-provider of ${userName}`,
      "Kubernetes 1.26 removed it; use exec instead",
    );
  }
  if (user.username !== undefined) {
    throw unsupported(`username of ${userName}`, "Kubernetes 1.19 removed it; use a token instead");
  }

  const pem = (data: string | undefined, path: string | undefined, entry: Entry, what: string) => {
    if (data !== undefined) return Promise.resolve(Buffer.from(data, "base64").toString("utf8"));
    if (path === undefined) return Promise.resolve(undefined);
    return readText(resolve(dirname(entry.file), path), what);
  };
  const plugin =
    user.exec &&
    execCredentials(user.exec, {
      directory: dirname(userEntry.file),
      environment,
      fail: (why) => new KubeconfigError(`exec plugin of ${userName}: ${why}`),
      cluster: {
        server: cluster.server,
        "certificate-authority-data": cluster["certificate-authority-data"],
        "insecure-skip-tls-verify": cluster["insecure-skip-tls-verify"] || undefined,
        "tls-server-name": cluster["tls-server-name"],
      },
    });

  return {
    server: new URL(cluster.server),
    namespace: context.namespace ?? "default",
    source: `context "${name}" of ${found.file}`,
    ...(cluster["tls-server-name"] ? { tlsServerName: cluster["tls-server-name"] } : {}),
    insecure: cluster["insecure-skip-tls-verify"],
    headers: {
      ...(user.as ? { "impersonate-user": user.as } : {}),
      ...(user["as-groups"] ? { "impersonate-group": user["as-groups"] } : {}),
    },
    async credentials(refresh = false) {
      const { token, tokenFile } = user;
      const fromPlugin = await plugin?.(refresh);
      return defined({
        ca: await pem(
          cluster["certificate-authority-data"],
          cluster["certificate-authority"],
          clusterEntry,
          `certificate-authority of ${clusterName}`,
        ),
        certificate:
          fromPlugin?.certificate ??
          (await pem(
            user["client-certificate-data"],
            user["client-certificate"],
            userEntry,
            `client-certificate of ${userName}`,
          )),
        key:
          fromPlugin?.key ??
          (await pem(
            user["client-key-data"],
            user["client-key"],
            userEntry,
            `client-key of ${userName}`,
          )),
        token:
          fromPlugin?.token ??
          // The file wins over the inline token, as in client-go.
          (tokenFile === undefined
            ? token
            : (
                await readText(
                  resolve(dirname(userEntry.file), tokenFile),
                  `tokenFile of ${userName}`,
                )
              ).trim()),
      });
    },
  };
}

function defined(values: Record<keyof Credentials, string | undefined>): Credentials {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
