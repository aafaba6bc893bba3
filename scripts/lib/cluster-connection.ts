import { readFile } from "node:fs/promises";
import { join } from "node:path";

/** What one request is authenticated with. Contents, never paths. */
export interface Credentials {
  /** PEM of the authorities that may sign the server's certificate; absent = the system's. */
  ca?: string;
  /** PEM of the client certificate and its key. */
  certificate?: string;
  key?: string;
  /** Bearer token. */
  token?: string;
}

/** Where an API server is and how to speak to it. */
export interface ClusterConnection {
  server: URL;
  /** Namespace that the context or the pod names; `default` where it names none. */
  namespace: string;
  /** For messages: `context "x" of /path/kubeconfig`, or `service account of this pod`. */
  source: string;
  /** Server name for SNI and for checking the certificate, where it differs from the URL's. */
  tlsServerName?: string;
  /** Accept any certificate of the server (`insecure-skip-tls-verify`). */
  insecure: boolean;
  /** Headers for every request (impersonation). */
  headers: Record<string, string | string[]>;
  /**
   * Credentials for the next request. Files are read anew each time, because tokens and certificates
   * are rotated under a running program; `refresh` asks an exec plugin again before its credential
   * expires (after a 401).
   */
  credentials(refresh?: boolean): Promise<Credentials>;
}

/** The kubeconfig or the pod's service account cannot be used; the message says why and what next. */
export class KubeconfigError extends Error {
  override readonly name = "KubeconfigError";
}

/**
 * The connection of a pod: address from `KUBERNETES_SERVICE_HOST` and `_PORT`, token, CA and namespace
 * from the projected service account volume, read anew for every request.
 * Source: https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
 *
 * @throws KubeconfigError outside a pod.
 */
export async function inClusterConnection(
  environment: NodeJS.ProcessEnv = process.env,
  directory = "/var/run/secrets/kubernetes.io/serviceaccount",
): Promise<ClusterConnection> {
  const host = environment["KUBERNETES_SERVICE_HOST"];
  const port = environment["KUBERNETES_SERVICE_PORT"] ?? "443";
  if (host === undefined || host === "") {
    throw new KubeconfigError("KUBERNETES_SERVICE_HOST is not set: this process runs in no pod");
  }
  const read = (name: string) => readText(join(directory, name), "service account of this pod");
  return {
    server: new URL(`https://${host.includes(":") ? `[${host}]` : host}:${port}`),
    namespace: (await read("namespace")).trim(),
    source: "service account of this pod",
    insecure: false,
    headers: {},
    credentials: async () => ({ ca: await read("ca.crt"), token: (await read("token")).trim() }),
  };
}

/** Reads a file that a connection needs; `what` names it in the error. */
export async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new KubeconfigError(`${what}: cannot read ${path}: ${(error as Error).message}`);
  }
}
