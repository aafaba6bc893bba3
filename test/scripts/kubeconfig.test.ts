import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { inClusterConnection } from "../../scripts/lib/cluster-connection.ts";
import { findConnection } from "../../scripts/lib/kubeconfig.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kubeconfig-test-"));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function write(name: string, content: unknown): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

interface Parts {
  name?: string;
  cluster?: object;
  user?: object;
  namespace?: string;
  current?: string | null;
}

/** A kubeconfig with one context, cluster and user of the same name. JSON is YAML. */
function config({ name = "dev", cluster = {}, user = {}, namespace, current }: Parts = {}) {
  return {
    apiVersion: "v1",
    kind: "Config",
    "current-context": current === undefined ? name : current,
    contexts: [
      { name, context: { cluster: name, user: name, ...(namespace ? { namespace } : {}) } },
    ],
    clusters: [{ name, cluster: { server: `https://${name}.test:6443`, ...cluster } }],
    users: [{ name, user }],
  };
}

const find = (paths: string[], context?: string, environment: NodeJS.ProcessEnv = {}) =>
  findConnection({ context }, { ...environment, KUBECONFIG: paths.join(delimiter) });

const base64 = (text: string) => Buffer.from(text).toString("base64");

describe("choice of the context", () => {
  it("takes the current context with its cluster and namespace", async () => {
    const path = await write("config", config({ namespace: "team", user: { token: "t" } }));
    const connection = await find([path]);
    expect(connection.server.href).toBe("https://dev.test:6443/");
    expect(connection.namespace).toBe("team");
    expect(connection.source).toBe(`context "dev" of ${path}`);
    await expect(connection.credentials()).resolves.toEqual({ token: "t" });
  });

  it("merges several files: the first current context and the first entry of a name win", async () => {
    const first = await write("a", { ...config({ name: "a" }), users: [] });
    const second = await write("b", {
      ...config({ name: "b" }),
      users: [
        { name: "a", user: { token: "from b" } },
        { name: "b", user: { token: "b" } },
      ],
    });
    const missing = join(directory, "missing");
    const connection = await find([missing, first, second]);
    expect(connection.source).toBe(`context "a" of ${first}`);
    await expect(connection.credentials()).resolves.toEqual({ token: "from b" });
    const other = await find([first, second], "b");
    expect(other.server.hostname).toBe("b.test");
  });

  it("names the contexts that exist when the wanted one does not", async () => {
    const path = await write("config", config());
    await expect(find([path], "prod")).rejects.toThrow(
      `context "prod" is not in ${path} (there: "dev"): choose one with --context`,
    );
  });

  it.each([
    ["no current context", config({ current: null }), "names no current-context"],
    ["broken YAML", "a: [", "is no YAML"],
    ["no list", { contexts: 3 }, "contexts"],
    ["a server that is no URL", config({ cluster: { server: "dev" } }), 'cluster "dev"'],
    ["a missing user", { ...config(), users: [] }, 'user "dev" is not in'],
    ["a proxy", config({ cluster: { "proxy-url": "http://p" } }), "proxy-url"],
    ["a removed mechanism", config({ user: { "auth-provider": {} } }), "use exec instead"],
  ])("refuses %s with a sentence", async (_, content, message) => {
    const path = await write("config", content);
    await expect(find([path])).rejects.toThrow(message);
    await expect(find([path])).rejects.toMatchObject({ name: "KubeconfigError" });
  });

  it("says where it looked when there is no file", async () => {
    const path = join(directory, "missing");
    await expect(find([path])).rejects.toThrow(`no kubeconfig found (looked for ${path})`);
  });
});

describe("credentials", () => {
  it("reads certificates from data", async () => {
    const path = await write(
      "config",
      config({
        cluster: { "certificate-authority-data": base64("CA"), "tls-server-name": "kubernetes" },
        user: {
          "client-certificate-data": base64("CERT"),
          "client-key-data": base64("KEY"),
        },
      }),
    );
    const connection = await find([path]);
    expect(connection.tlsServerName).toBe("kubernetes");
    await expect(connection.credentials()).resolves.toEqual({
      ca: "CA",
      certificate: "CERT",
      key: "KEY",
    });
  });

  it("reads files relative to the kubeconfig, anew for each request", async () => {
    await write("ca.crt", "CA");
    const token = await write("token", "one\n");
    const path = await write(
      "config",
      config({
        cluster: { "certificate-authority": "ca.crt" },
        user: { tokenFile: "token", token: "stale" },
      }),
    );
    const connection = await find([path]);
    await expect(connection.credentials()).resolves.toEqual({ ca: "CA", token: "one" });
    await writeFile(token, "two\n");
    await expect(connection.credentials()).resolves.toEqual({ ca: "CA", token: "two" });
    await rm(token);
    await expect(connection.credentials()).rejects.toThrow(`cannot read ${token}`);
  });

  it("impersonates as the user says", async () => {
    const path = await write("config", config({ user: { as: "guard", "as-groups": ["a", "b"] } }));
    const { headers } = await find([path]);
    expect(headers).toEqual({ "impersonate-user": "guard", "impersonate-group": ["a", "b"] });
  });
});

describe("exec plugins", () => {
  const apiVersion = "client.authentication.k8s.io/v1";

  /** A plugin that writes down how it was called and answers with the status. */
  async function plugin(status: object | string, exitCode = 0) {
    const answer =
      typeof status === "string"
        ? status
        : JSON.stringify({ apiVersion, kind: "ExecCredential", status });
    const calls = join(directory, "calls");
    const script = [
      "#!/bin/sh",
      `printf '%s|%s|%s\\n' "$*" "$REGION" "$KUBERNETES_EXEC_INFO" >> ${calls}`,
      `cat <<'END'\n${answer}\nEND`,
      `exit ${String(exitCode)}`,
    ];
    const path = await write("plugin", script.join("\n"));
    await chmod(path, 0o755);
    return async () => (await readFile(calls, "utf8")).trim().split("\n");
  }

  const environment = { PATH: process.env["PATH"] };

  async function connect(exec: object = {}, cluster: object = {}) {
    const user = { exec: { apiVersion, command: "./plugin", ...exec } };
    return find([await write("config", config({ user, cluster }))], undefined, environment);
  }

  it("runs the plugin with its arguments, variables and the cluster, and keeps the credential", async () => {
    const expirationTimestamp = new Date(Date.now() + 3_600_000).toISOString();
    const calls = await plugin({ token: "from plugin", expirationTimestamp });
    const connection = await connect(
      {
        args: ["get-token", "--cluster", "dev"],
        env: [{ name: "REGION", value: "eu" }],
        provideClusterInfo: true,
      },
      { "certificate-authority-data": base64("CA") },
    );
    const expected = { token: "from plugin", ca: "CA" };
    await expect(connection.credentials()).resolves.toEqual(expected);
    await expect(connection.credentials()).resolves.toEqual(expected);
    const [call = "", ...more] = await calls();
    expect(more).toEqual([]);
    const [args, region, info = ""] = call.split("|");
    expect([args, region]).toEqual(["get-token --cluster dev", "eu"]);
    expect(JSON.parse(info)).toEqual({
      apiVersion,
      kind: "ExecCredential",
      spec: {
        interactive: false,
        cluster: {
          server: "https://dev.test:6443",
          "certificate-authority-data": base64("CA"),
        },
      },
    });
  });

  it("asks again when the credential expires soon, and when a request was refused", async () => {
    const expirationTimestamp = new Date(Date.now() + 5_000).toISOString();
    const calls = await plugin({ token: "short", expirationTimestamp });
    const connection = await connect();
    await connection.credentials();
    await connection.credentials();
    expect(await calls()).toHaveLength(2);
    await connection.credentials(true);
    expect(await calls()).toHaveLength(3);
  });

  it("asks once for requests at the same time", async () => {
    const calls = await plugin({ token: "one" });
    const connection = await connect();
    await Promise.all([connection.credentials(), connection.credentials()]);
    expect(await calls()).toHaveLength(1);
  });

  it("takes a client certificate", async () => {
    await plugin({ clientCertificateData: "CERT", clientKeyData: "KEY" });
    const connection = await connect();
    const expected = { certificate: "CERT", key: "KEY" };
    await expect(connection.credentials()).resolves.toEqual(expected);
  });

  it.each([
    ["fails", { token: "t" }, 3, "ended with code 3"],
    ["prints something else", "hello", 0, "no ExecCredential"],
    ["hands out nothing", {}, 0, "holds neither a token nor a client certificate"],
    [
      "answers in another version",
      `{"apiVersion":"client.authentication.k8s.io/v1beta1","kind":"ExecCredential","status":{"token":"t"}}`,
      0,
      "the kubeconfig asks for client.authentication.k8s.io/v1",
    ],
  ])("refuses a plugin that %s", async (_, status, exitCode, message) => {
    await plugin(status, exitCode);
    const connection = await connect();
    await expect(connection.credentials()).rejects.toThrow(message);
    await expect(connection.credentials()).rejects.toThrow('exec plugin of user "dev"');
  });

  it("gives the install hint of a plugin that is not there", async () => {
    const connection = await connect({ command: "no-such-plugin", installHint: "install it so" });
    await expect(connection.credentials()).rejects.toThrow("install it so");
  });
});

describe("inside a pod", () => {
  const environment = { KUBERNETES_SERVICE_HOST: "10.96.0.1", KUBERNETES_SERVICE_PORT: "443" };

  it("uses the service account, and reads its token anew for each request", async () => {
    const account = join(directory, "account");
    await mkdir(account);
    for (const [name, text] of Object.entries({ namespace: "ns", "ca.crt": "CA", token: "one" })) {
      await writeFile(join(account, name), text);
    }
    const connection = await inClusterConnection(environment, account);
    expect(connection.server.href).toBe("https://10.96.0.1/");
    expect(connection.namespace).toBe("ns");
    await expect(connection.credentials()).resolves.toEqual({ ca: "CA", token: "one" });
    await writeFile(join(account, "token"), "two");
    await expect(connection.credentials()).resolves.toEqual({ ca: "CA", token: "two" });
  });

  it("puts an IPv6 address into brackets", async () => {
    await writeFile(join(directory, "namespace"), "ns");
    const connection = await inClusterConnection({ KUBERNETES_SERVICE_HOST: "fd00::1" }, directory);
    expect(connection.server.href).toBe("https://[fd00::1]/");
  });

  it("says so outside a pod", async () => {
    await expect(inClusterConnection({}, directory)).rejects.toThrow("runs in no pod");
  });
});
