import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { z } from "zod";

/**
 * The `exec` stanza of a kubeconfig user.
 * Source: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
 */
export const execSchema = z.object({
  apiVersion: z.enum(["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"]),
  command: z.string().min(1),
  args: z.array(z.string()).nullish(),
  env: z.array(z.object({ name: z.string(), value: z.string() })).nullish(),
  installHint: z.string().optional(),
  interactiveMode: z.enum(["Never", "IfAvailable", "Always"]).default("IfAvailable"),
  provideClusterInfo: z.boolean().default(false),
});

const credentialSchema = z.object({
  kind: z.literal("ExecCredential"),
  apiVersion: z.string(),
  status: z
    .object({
      expirationTimestamp: z.iso.datetime({ offset: true }).optional(),
      token: z.string().optional(),
      clientCertificateData: z.string().optional(),
      clientKeyData: z.string().optional(),
    })
    .refine(
      (status) =>
        status.token !== undefined ||
        (status.clientCertificateData !== undefined && status.clientKeyData !== undefined),
      "holds neither a token nor a client certificate with its key",
    ),
});

/** What a credential plugin hands out. */
export interface ExecCredentials {
  token?: string;
  certificate?: string;
  key?: string;
}

/** Where a plugin runs and how its failure is told. */
export interface ExecSurroundings {
  /** Directory of the kubeconfig: a command with a slash is relative to it. */
  directory: string;
  environment: NodeJS.ProcessEnv;
  /** The cluster as the plugin sees it, if the stanza asks for it. */
  cluster: Record<string, unknown>;
  /** Makes the error for a reason. */
  fail: (why: string) => Error;
}

/** A plugin that asks a person to log in may take a while; one that hangs must not hold a verb for ever. */
const timeLimitMilliseconds = 60_000;

/** A credential is asked for anew this long before it expires, so that it never expires on the way. */
const marginMilliseconds = 10_000;

/**
 * Returns a function that gives the plugin's credentials, running the plugin only when there is no
 * credential yet, when it is about to expire, or when `refresh` is set. Calls at the same time share
 * one run.
 */
export function execCredentials(
  stanza: z.infer<typeof execSchema>,
  surroundings: ExecSurroundings,
): (refresh: boolean) => Promise<ExecCredentials> {
  let current: { credentials: ExecCredentials; expires: number } | undefined;
  let running: Promise<ExecCredentials> | undefined;

  const ask = async () => {
    const output = await run(stanza, surroundings);
    const parsed = credentialSchema.safeParse(parseJson(output));
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw surroundings.fail(
        `its output is no ExecCredential: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`,
      );
    }
    const { apiVersion, status } = parsed.data;
    if (apiVersion !== stanza.apiVersion) {
      throw surroundings.fail(
        `it answered in ${apiVersion}, the kubeconfig asks for ${stanza.apiVersion}`,
      );
    }
    const credentials: ExecCredentials = {
      ...(status.token === undefined ? {} : { token: status.token }),
      ...(status.clientCertificateData === undefined
        ? {}
        : { certificate: status.clientCertificateData }),
      ...(status.clientKeyData === undefined ? {} : { key: status.clientKeyData }),
    };
    const expires = status.expirationTimestamp ? Date.parse(status.expirationTimestamp) : Infinity;
    current = { credentials, expires };
    return credentials;
  };

  return (refresh) => {
    if (!refresh && current && Date.now() < current.expires - marginMilliseconds) {
      return Promise.resolve(current.credentials);
    }
    running ??= ask().finally(() => (running = undefined));
    return running;
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function run(
  stanza: z.infer<typeof execSchema>,
  { directory, environment, cluster, fail }: ExecSurroundings,
): Promise<string> {
  const interactive = stanza.interactiveMode !== "Never" && process.stdin.isTTY === true;
  if (stanza.interactiveMode === "Always" && !interactive) {
    throw fail(`${stanza.command} needs a terminal to log in; run the verb on one`);
  }
  const info = {
    apiVersion: stanza.apiVersion,
    kind: "ExecCredential",
    spec: { interactive, ...(stanza.provideClusterInfo ? { cluster } : {}) },
  };
  const command = /[\\/]/.test(stanza.command)
    ? resolve(directory, stanza.command)
    : stanza.command;
  return new Promise((done, failed) => {
    const child = spawn(command, stanza.args ?? [], {
      stdio: [interactive ? "inherit" : "ignore", "pipe", "inherit"],
      timeout: timeLimitMilliseconds,
      env: {
        ...environment,
        ...Object.fromEntries((stanza.env ?? []).map(({ name, value }) => [name, value])),
        KUBERNETES_EXEC_INFO: JSON.stringify(info),
      },
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => (output += chunk));
    child.on("error", (error) => {
      const hint = stanza.installHint ? `\n${stanza.installHint.trim()}` : "";
      failed(fail(`cannot run ${command}: ${error.message}${hint}`));
    });
    child.on("close", (code, signal) => {
      if (code === 0) done(output);
      else failed(fail(`${command} ended with ${signal ?? `code ${String(code)}`}`));
    });
  });
}
