import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { nodeAddress } from "./namespaces.ts";
import { runCommand } from "./run-command.ts";

/** User that the admin kubeconfig authenticates as. */
export const adminUser = "local-admin";
/** Where the API server listens. */
export const apiServerPort = 6443;

/** First address of the service network: the Service `kubernetes`. */
const kubernetesServiceAddress = "10.96.0.1";

const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"];

async function certificate(
  directory: string,
  name: string,
  subject: string,
  extensions: readonly string[],
): Promise<void> {
  const issuer = ["-CA", join(directory, "ca.crt"), "-CAkey", join(directory, "ca.key")];
  await runCommand("openssl", [
    ...["req", "-x509", "-days", "3650", ...curve, "-subj", subject],
    ...(name === "ca" ? [] : issuer),
    ...["-keyout", join(directory, `${name}.key`), "-out", join(directory, `${name}.crt`)],
    ...extensions.flatMap((extension) => ["-addext", extension]),
  ]);
}

function subjectAlternativeNames(addresses: readonly string[], names: readonly string[]): string {
  const entries = [...addresses.map((a) => `IP:${a}`), ...names.map((n) => `DNS:${n}`)];
  return `subjectAltName=${entries.join(",")}`;
}

/**
 * Makes the environment's own certificate authority, the certificates of API server and PostgreSQL,
 * the key of service account tokens, and the kubeconfig of a cluster administrator.
 *
 * @param directory gets the files; nothing is done if it is complete.
 * @param kubeconfig path of the kubeconfig to write.
 */
export async function createCredentials(directory: string, kubeconfig: string): Promise<void> {
  if (existsSync(kubeconfig)) return;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const key = join(directory, "service-account.key");
  await Promise.all([
    certificate(directory, "ca", "/CN=pool-migration local", ["keyUsage=critical,keyCertSign"]),
    runCommand("openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key]),
  ]);
  const kubernetesNames = ["", ".default", ".default.svc", ".default.svc.cluster.local"];
  await Promise.all([
    runCommand("openssl", ["ec", "-in", key, "-pubout", "-out", key.replace(/key$/, "pub")]),
    certificate(directory, "kube-apiserver", "/CN=kube-apiserver", [
      "basicConstraints=critical,CA:FALSE",
      "extendedKeyUsage=serverAuth",
      subjectAlternativeNames(
        ["127.0.0.1", nodeAddress, kubernetesServiceAddress],
        ["localhost", ...kubernetesNames.map((suffix) => `kubernetes${suffix}`)],
      ),
    ]),
    certificate(directory, "kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client", [
      "basicConstraints=critical,CA:FALSE",
      "extendedKeyUsage=clientAuth",
    ]),
    certificate(directory, "postgres", "/CN=postgres", [
      "basicConstraints=critical,CA:FALSE",
      "extendedKeyUsage=serverAuth",
      subjectAlternativeNames(["127.0.0.1", nodeAddress], ["localhost"]),
    ]),
  ]);
  const token = randomBytes(24).toString("base64url");
  const tokens = join(directory, "tokens.csv");
  await writeFile(tokens, `${token},${adminUser},${adminUser},"system:masters"\n`, { mode: 0o600 });
  await writeKubeconfig(kubeconfig, join(directory, "ca.crt"), token);
}

async function writeKubeconfig(path: string, authority: string, token: string): Promise<void> {
  const name = "pool-migration-local";
  const server = `https://${nodeAddress}:${apiServerPort}`;
  const configuration = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster: { server, "certificate-authority": authority } }],
    users: [{ name: adminUser, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: adminUser } }],
    "current-context": name,
  };
  await writeFile(path, JSON.stringify(configuration, undefined, 2), { mode: 0o600 });
}
