import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { cgroupName, cgroupsExist } from "../../scripts/local/cgroups.ts";
import { findEnvironment } from "../../scripts/local/environment.ts";
import { environmentDirectory } from "../../scripts/local/paths.ts";
import type { EnvironmentStatus } from "../../scripts/local/status-report.ts";

const projectRoot = join(import.meta.dirname, "..", "..");
const name = "test";

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

let stateHome: string;

beforeAll(() => {
  stateHome = mkdtempSync(join(tmpdir(), "local-environment-test-"));
  vi.stubEnv("XDG_STATE_HOME", stateHome);
  vi.stubEnv("POOL_MIGRATION_ENVIRONMENT", name);
});

afterAll(async () => {
  for (const environment of [name, "second"]) await local("down", "--name", environment);
  vi.unstubAllEnvs();
  rmSync(stateHome, { recursive: true });
});

/** Starts one of the local commands. */
function start(command: string, ...args: string[]): ReturnType<typeof spawn> {
  return spawn(process.execPath, [`scripts/local/${command}.ts`, ...args], { cwd: projectRoot });
}

async function ended(child: ReturnType<typeof spawn>): Promise<Ended> {
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (data: Buffer) => (output.stdout += data.toString()));
  child.stderr?.on("data", (data: Buffer) => (output.stderr += data.toString()));
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, ...output };
}

function local(command: string, ...args: string[]): Promise<Ended> {
  return ended(start(command, ...args));
}

async function statusOf(environment = name): Promise<EnvironmentStatus> {
  const { stdout } = await local("status", "--json", "--name", environment);
  return JSON.parse(stdout) as EnvironmentStatus;
}

function inside(...command: string[]): Promise<Ended> {
  return local("exec", ...command);
}

function lines(file: string): string[] {
  return readFileSync(file, "utf8").split("\n").filter(Boolean);
}

const settings = [
  ...["kernel/panic", "kernel/panic_on_oops"],
  ...["vm/overcommit_memory", "net/ipv4/ip_forward"],
];

/** What the machine itself shows and is set to: an environment must not change it. */
function machine(): object {
  const ours = /pool-migration|containerd|kubelet/;
  return {
    mounts: lines("/proc/self/mountinfo").filter((line) => ours.test(line)),
    interfaces: Object.keys(networkInterfaces()).filter((key) => /^(node0|cni0|veth)/.test(key)),
    settings: settings.map((setting) => readFileSync(`/proc/sys/${setting}`, "utf8").trim()),
  };
}

/** Ids of all processes in a network namespace, named as /proc/<pid>/ns/net reads. */
function processesIn(networkNamespace: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readlinkSync(`/proc/${pid}/ns/net`) === networkNamespace;
    } catch {
      return false; // ended meanwhile
    }
  });
}

function groupExists(environment: string): boolean {
  return cgroupsExist(cgroupName(environment, environmentDirectory(environment)));
}

async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

const databaseQuery = `
  import { readFileSync } from "node:fs";
  import pg from "pg";
  const [, host, user, passwordFile, authority] = process.argv;
  const client = new pg.Client({
    host, user, password: readFileSync(passwordFile, "utf8"), database: "postgres",
    ssl: { ca: readFileSync(authority, "utf8") },
  });
  await client.connect();
  const { rows } = await client.query(
    "SELECT rolsuper, rolcreatedb, rolcreaterole, ssl FROM pg_roles, pg_stat_ssl " +
    "WHERE rolname = current_user AND pid = pg_backend_pid()",
  );
  console.log(JSON.stringify(rows[0]));
  await client.end();`;

/** Runs in an image: looks up a Service, tells who it is, and tries to change the image's files. */
const probe = `
  require("dns").promises.lookup("kubernetes.default").then(({ address }) => {
    try { require("fs").writeFileSync("/app/x", ""); } catch (error) {
      console.log(address, process.getuid(), error.code);
    }
  });`;

describe("the local environment", () => {
  const before = machine();
  let first: EnvironmentStatus;
  let networkNamespace: string;

  it("comes up complete, unseen by the machine around it", async () => {
    expect((await statusOf()).running).toBe(false);
    const up = await local("up", "--json");
    expect(up, up.stderr).toMatchObject({ code: 0 });
    first = JSON.parse(up.stdout) as EnvironmentStatus;
    expect(first).toMatchObject({ name, running: true, complete: true });
    const images = Object.keys(first.images ?? {}).sort();
    expect(images).toEqual(["pool-v1", "pool-v2", "router", "tools"]);
    expect(first.versions?.["kubernetes"]?.version).toMatch(/^v1\./);

    const environment = findEnvironment(name);
    networkNamespace = readlinkSync(`/proc/${environment?.initPid}/ns/net`);
    expect(processesIn(networkNamespace).length).toBeGreaterThan(9);
    expect(machine()).toEqual(before);
    for (const port of [6443, 2379, 10250]) expect(await answers(port)).toBe(false);
  });

  it("runs commands: arguments, working directory, exit code and cluster access", async () => {
    const shell = await inside("sh", "-c", 'echo "$1"; pwd; exit 7', "sh", "a  b");
    expect(shell).toMatchObject({ code: 7, stdout: `a  b\n${projectRoot}\n` });
    const nodes = await inside("kubectl", "get", "nodes", "--no-headers");
    expect(nodes.stdout).toMatch(/^node0 +Ready /);
    const userName = "jsonpath={.status.userInfo.username}";
    const identity = await inside("kubectl", "auth", "whoami", "--output", userName);
    expect(identity.stdout).toBe("local-admin");
    const service = await inside("getent", "hosts", "kubernetes.default.svc.cluster.local");
    expect(service.stdout).toMatch(/^10\.96\.0\.1 /);
    expect(await inside("getent", "hosts", "example.org")).toMatchObject({ code: 2 });
  });

  it("has images that run, reach Services, and may not write to their own files", async () => {
    const image = first.images?.["tools"] ?? "";
    const container = {
      ...{ name: "probe", image, imagePullPolicy: "Never" },
      command: ["/usr/local/bin/node", "-e", probe],
      securityContext: { readOnlyRootFilesystem: true, runAsNonRoot: true },
    };
    const overrides = JSON.stringify({ spec: { containers: [container] } });
    const run = ["run", "probe", "--image", image, "--restart=Never", "--overrides", overrides];
    expect(await inside("kubectl", ...run)).toMatchObject({ code: 0 });
    const wait = ["wait", "pod/probe", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s"];
    expect(await inside("kubectl", ...wait)).toMatchObject({ code: 0 });
    const logs = await inside("kubectl", "logs", "probe");
    expect(logs.stdout).toBe("10.96.0.1 65532 EROFS\n");
  });

  it("has a database over TLS whose administrator is no superuser", async () => {
    const { host = "", user = "", passwordFile = "" } = first.endpoints?.postgres ?? {};
    const authority = join(first.stateDirectory, "pki", "ca.crt");
    const args = ["--input-type=module", "--eval", databaseQuery];
    const query = await inside(process.execPath, ...args, host, user, passwordFile, authority);
    expect(JSON.parse(query.stdout)).toEqual({
      rolsuper: false,
      rolcreatedb: true,
      rolcreaterole: true,
      ssl: true,
    });
  });

  it("loses a component and gets it back, and nothing else is touched by a second up", async () => {
    const processIds = async () => {
      const { stdout } = await inside("sh", "-c", "cat /run/pool-migration/*.pid");
      return new Set(stdout.trim().split("\n"));
    };
    const initially = await processIds();
    await findEnvironment(name)?.killComponent("coredns");
    const status = await local("status");
    expect(status.code).toBe(2);
    expect(status.stdout).toContain("without coredns");
    expect(await local("up")).toMatchObject({ code: 0 });
    expect((await statusOf()).complete).toBe(true);
    const repaired = await processIds();
    expect([...repaired].filter((pid) => !initially.has(pid))).toHaveLength(1);
    expect(await local("up")).toMatchObject({ code: 0 });
    expect(await processIds()).toEqual(repaired);
  });

  it("does not disturb a second one, which may be killed while it starts", async () => {
    const killed = start("up", "--name", "second");
    const result = ended(killed);
    await vi.waitFor(() => expect(groupExists("second")).toBe(true), { timeout: 60_000 });
    killed.kill("SIGKILL");
    await result;
    expect(await local("up", "--name", "second")).toMatchObject({ code: 0 });
    expect((await statusOf("second")).complete).toBe(true);
    expect((await statusOf()).complete).toBe(true);
    const pods = ["kubectl", "get", "pods", "--output=name"];
    expect(await inside(...pods)).toMatchObject({ code: 0, stdout: "pod/probe\n" });
    const others = await local("exec", "--name", "second", ...pods);
    expect(others).toMatchObject({ code: 0, stdout: "" });
    expect(await local("down", "--name", "second")).toMatchObject({ code: 0 });
    expect(groupExists("second")).toBe(false);
    expect(await inside(...pods)).toMatchObject({ code: 0, stdout: "pod/probe\n" });
  });

  it("that is interrupted while it starts removes what it started", async () => {
    const interrupted = start("up", "--name", "second");
    const result = ended(interrupted);
    await vi.waitFor(() => expect(groupExists("second")).toBe(true), { timeout: 60_000 });
    interrupted.kill("SIGINT");
    expect(await result).toMatchObject({ code: 130 });
    expect(groupExists("second")).toBe(false);
    expect(existsSync(environmentDirectory("second"))).toBe(false);
  });

  it("leaves nothing behind, not even what still ran inside", async () => {
    const processes = processesIn(networkNamespace).length;
    const running = ended(start("exec", "sleep", "600"));
    await vi.waitFor(
      () => expect(processesIn(networkNamespace).length).toBeGreaterThan(processes),
      { timeout: 60_000 },
    );
    expect(await local("down")).toMatchObject({ code: 0 });
    expect((await running).code).not.toBe(0);
    expect(processesIn(networkNamespace)).toEqual([]);
    expect(groupExists(name)).toBe(false);
    expect(existsSync(environmentDirectory(name))).toBe(false);
    expect(machine()).toEqual(before);
    expect(await local("down")).toMatchObject({ code: 0 });
    expect((await statusOf()).running).toBe(false);
  });
});
