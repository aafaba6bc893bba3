import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** PEM texts and the paths of their files. */
export interface CertificateFiles {
  caPath: string;
  certPath: string;
  keyPath: string;
  ca: string;
  cert: string;
  key: string;
}

/**
 * Makes an authority and a certificate signed by it, valid for 127.0.0.1, localhost and
 * `kubernetes.test`, as server and as client. Needs the `openssl` command.
 */
export async function makeCertificates(
  directory: string,
  commonName: string,
): Promise<CertificateFiles> {
  await mkdir(directory, { recursive: true });
  const path = (name: string) => join(directory, name);
  const extensions = [
    "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:kubernetes.test",
    "extendedKeyUsage=serverAuth,clientAuth",
  ];
  await writeFile(path("extensions"), extensions.join("\n"));
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await run("openssl", [
    ...["req", "-x509", ...newKey, "-days", "2", "-subj", `/CN=${commonName} authority`],
    ...["-keyout", path("ca.key"), "-out", path("ca.crt")],
  ]);
  await run("openssl", [
    ...["req", ...newKey, "-subj", `/CN=${commonName}`],
    ...["-keyout", path("tls.key"), "-out", path("tls.csr")],
  ]);
  await run("openssl", [
    ...["x509", "-req", "-in", path("tls.csr"), "-days", "2", "-extfile", path("extensions")],
    ...["-CA", path("ca.crt"), "-CAkey", path("ca.key"), "-CAcreateserial"],
    ...["-out", path("tls.crt")],
  ]);
  const [ca, cert, key] = await Promise.all(
    ["ca.crt", "tls.crt", "tls.key"].map((name) => readFile(path(name), "utf8")),
  );
  return {
    caPath: path("ca.crt"),
    certPath: path("tls.crt"),
    keyPath: path("tls.key"),
    ca: ca ?? "",
    cert: cert ?? "",
    key: key ?? "",
  };
}
