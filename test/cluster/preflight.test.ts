import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startEnvironment, findEnvironment } from "../../scripts/local/environment.ts";
import type { Environment, ImageReferences } from "../../scripts/local/environment.ts";
import { signalInside } from "../../scripts/local/namespaces.ts";
import { environmentName } from "../../scripts/local/paths.ts";
import type { NamedFinding } from "../../scripts/preflight/finding.ts";
import { clusterObjects } from "../../scripts/rehearsal/leftovers.ts";
import { setUpStack } from "../../scripts/rehearsal/stack-set-up.ts";
import type { ReadyStack } from "../../scripts/rehearsal/stack-set-up.ts";

const stack = "preflight-test";

let environment: Environment;
let started: boolean;
let images: ImageReferences;
let ready: ReadyStack;

beforeAll(async () => {
  const found = findEnvironment(environmentName());
  started = found === undefined;
  environment = found ?? (await startEnvironment({}));
  images = await environment.loadImages();
  ready = await setUpStack({ environment, images, stack, readyTimeoutSeconds: 60 });
});

afterAll(async () => {
  await ready?.abandon();
  if (started) await environment.stop();
});

interface Preflight {
  readonly code: number;
  readonly output: string;
  readonly findings: ReadonlyMap<string, NamedFinding>;
}

/** Starts the verb as a person would; `kubeconfig` leads to another cluster or to another user's rights. */
function start(kubeconfig = environment.kubeconfig) {
  const { directory } = ready.commands.place;
  const script = join(directory, "scripts/preflight.ts");
  const command = [process.execPath, script, "--stack", stack, "--json", "--timeout", "30"];
  return environment.spawnInside("env", [`KUBECONFIG=${kubeconfig}`, ...command], {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function endOf(child: ReturnType<typeof start>): Promise<{ code: number; output: string }> {
  let output = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (output += text));
  child.stderr?.resume();
  const code = await new Promise<number>((resolve) => {
    child.once("close", (exitCode) => resolve(exitCode ?? -1));
  });
  return { code, output };
}

async function preflight(kubeconfig?: string): Promise<Preflight> {
  const { code, output } = await endOf(start(kubeconfig));
  const { checks } = JSON.parse(output) as { checks: NamedFinding[] };
  return { code, output, findings: new Map(checks.map((found) => [found.check, found])) };
}

/** Checks that neither passed nor had nothing to look at. */
const wrong = ({ findings }: Preflight) =>
  [...findings.values()]
    .filter(({ outcome }) => outcome !== "passed" && outcome !== "skipped")
    .map(({ check, outcome }) => `${check} ${outcome}`);

const problemsOf = ({ findings }: Preflight, check: string) => findings.get(check)?.problems ?? [];

const kubectl = (...args: string[]) => environment.execInside("kubectl", args);

/** Namespaces and pods that preflight made and did not remove. */
async function left(): Promise<string> {
  const selector = "--selector=app.kubernetes.io/name=preflight";
  const options = [selector, "--all-namespaces", "--output=name"];
  return (await kubectl("get", "namespaces,pods", ...options)).trim();
}

async function untilNothingIsLeft(): Promise<void> {
  await expect.poll(left, { timeout: 30_000, interval: 300 }).toBe("");
}

it("passes on a fresh cluster, changes nothing there, and says nothing secret", async () => {
  const before = await clusterObjects(ready.commands);
  const result = await preflight();
  expect(wrong(result)).toEqual([]);
  expect(result.code).toBe(0);
  expect(result.findings.get("V1")?.detail).toContain(`makes it of ${images["pool-v1"]}`);
  expect(result.findings.get("database")?.detail).toContain("reached from inside too");
  expect(result.output).not.toContain(ready.agentToken);
  const password = readFileSync(environment.postgres.passwordFile, "utf8").trim();
  expect(result.output).not.toContain(password);
  await untilNothingIsLeft();
  expect([...(await clusterObjects(ready.commands))].sort()).toEqual([...before].sort());
});

it("names the image that cannot be pulled, and the one that is another", async () => {
  await ready.commands.setConfig({
    stage: "shadow",
    "v2.image": "registry.invalid/pool:2",
    "images.tools": images.router,
  });
  const result = await preflight();
  await ready.commands.setConfig({
    stage: "baseline",
    "v2.image": images["pool-v2"],
    "images.tools": images.tools,
  });
  expect(result.code).toBe(1);
  // Without the tools nothing in the cluster could look for the database.
  expect(wrong(result)).toEqual(["images failed", "database undecided"]);
  const [pool, tools] = problemsOf(result, "images");
  expect(pool?.what).toMatch(
    /^v2\.image registry\.invalid\/pool:2 cannot be pulled .*no such host/,
  );
  expect(pool?.fix).toContain("pulumi config set --path 'pool-migration:v2.image'");
  expect(tools?.what).toContain("is not this project's tools image");
  expect(tools?.fix).toContain("--target tools");
});

it("names the placeholder with the command that fills it in", async () => {
  await ready.commands.setConfig({ "v1.image": "<v1-image>" });
  const result = await preflight();
  await ready.commands.setConfig({ "v1.image": images["pool-v1"] });
  expect(result.code).toBe(1);
  const [problem] = problemsOf(result, "configuration");
  expect(problem?.what).toContain('pool-migration:v1.image is still the placeholder "<v1-image>"');
  expect(problem?.fix).toMatch(/^pulumi config set --path 'pool-migration:v1\.image' /);
});

it("says that the database is away, as seen from here and from inside", async () => {
  await environment.killComponent("postgres");
  const result = await preflight().finally(() => environment.startComponent("postgres"));
  expect(result.code).toBe(1);
  expect(wrong(result)).toEqual(["database failed"]);
  const [here, inside] = problemsOf(result, "database");
  expect(here?.what).toMatch(/^From this machine .*ECONNREFUSED/);
  expect(inside?.what).toMatch(/^From inside the cluster .*ECONNREFUSED/);
  for (const problem of [here, inside]) expect(problem?.fix).toContain("database.host'");
});

it("ends with 3 where no API server answers", async () => {
  const kubeconfig = writeKubeconfig("nobody", { server: "https://10.88.0.1:1", token: "x" });
  const result = await preflight(kubeconfig);
  rmSync(kubeconfig);
  expect(result.code).toBe(3);
  expect(wrong(result)).toEqual([
    "cluster unanswered",
    "rights undecided",
    "V1 undecided",
    "images undecided",
    "database undecided",
  ]);
});

it("names the missing rights, and its own commands grant them", async () => {
  await kubectl("create", "namespace", "deployers");
  await kubectl("create", "serviceaccount", "deployer", "--namespace=deployers");
  const token = (await kubectl("create", "token", "deployer", "--namespace=deployers")).trim();
  const kubeconfig = writeKubeconfig("deployer", { token });
  const before = await preflight(kubeconfig);
  expect(before.code).toBe(1);
  const problems = problemsOf(before, "rights");
  expect(problems.map(({ what }) => what).join("\n")).toMatch(
    /^system:serviceaccount:deployers:deployer may not .*validatingadmissionpolicies/m,
  );
  const granted = problems.flatMap(({ fix }) => fix.split("\n").slice(1)).join("\n");
  await environment.execInside("bash", ["-e", "-c", granted]);
  const after = await preflight(kubeconfig);
  rmSync(kubeconfig);
  await kubectl("delete", "namespace", "deployers", "--wait=false");
  for (const [, kind = "", name = ""] of granted.matchAll(/create (\w+) (\S+)/g)) {
    await kubectl("delete", kind, name);
  }
  expect(wrong(after)).toEqual([]);
  expect(after.code).toBe(0);
});

it("leaves nothing behind after Ctrl-C", async () => {
  await untilNothingIsLeft();
  const child = start();
  const ended = endOf(child);
  await expect.poll(left, { timeout: 20_000, interval: 50 }).toMatch(/^namespace\//);
  signalInside(child, "SIGINT");
  expect(await ended).toEqual({ code: 130, output: "" });
  await untilNothingIsLeft();
});

it("tells a lock that a killed update left, and the command that clears it", async () => {
  const up = ready.commands.up({ mayFail: true });
  const pid = await lockedBy();
  await environment.execInside("kill", ["-KILL", String(pid)]);
  await up;
  const locked = await preflight();
  expect(locked.code).toBe(1);
  const [problem] = problemsOf(locked, "state lock");
  expect(problem?.what).toMatch(new RegExp(`^Locked by process ${String(pid)} .* is dead`));
  const [, command = ""] = problem?.fix.split("Clear it: ") ?? [];
  const { directory } = ready.commands.place;
  await environment.execInside("bash", ["-c", `cd '${directory}' && ${command}`]);
  expect((await preflight()).findings.get("state lock")?.outcome).toBe("passed");
});

it("says that V1 is not ready once it is deployed", async () => {
  expect((await ready.commands.up()).code).toBe(0);
  const well = await preflight();
  expect(wrong(well)).toEqual([]);
  expect(well.findings.get("V1")?.detail).toBe("2 of 2 pods ready, 2 addresses");
  const { commands } = ready;
  const broken = {
    strategy: { type: "Recreate", rollingUpdate: null },
    template: { spec: { containers: [{ name: "worker", image: "registry.invalid/pool:1" }] } },
  };
  const patch = `--patch=${JSON.stringify({ spec: broken })}`;
  await commands.kubectl(["patch", "deployment", "pool-v1", patch]);
  const readyPods = ["get", "deployment", "pool-v1", "--output=jsonpath={.status.readyReplicas}"];
  await expect
    .poll(async () => (await commands.kubectl(readyPods)).output, { timeout: 30_000 })
    .not.toBe("2");
  const ill = await preflight();
  expect(ill.code).toBe(1);
  expect(wrong(ill)).toEqual(["V1 failed"]);
  expect(problemsOf(ill, "V1")[0]?.fix).toContain(
    "kubectl --namespace=pool-migration-preflight-test",
  );
});

/** Id of the process that holds the stack's state, once there is one. */
async function lockedBy(): Promise<number> {
  const place = join(
    environment.variables["PULUMI_BACKEND_URL"]?.replace("file://", "") ?? "",
    ".pulumi/locks/organization/pool-migration",
    stack,
  );
  for (;;) {
    try {
      const [file] = readdirSync(place).filter((name) => name.endsWith(".json"));
      if (file !== undefined) {
        return (JSON.parse(readFileSync(join(place, file), "utf8")) as { pid: number }).pid;
      }
    } catch {
      // not there yet, or not yet written
    }
    await sleep(20);
  }
}

/** A kubeconfig for the same cluster, or another one, with another user's token. */
function writeKubeconfig(name: string, user: { server?: string; token: string }): string {
  const file = join(environment.stateDirectory, `kubeconfig-${name}.json`);
  const own = JSON.parse(readFileSync(environment.kubeconfig, "utf8")) as {
    clusters: { cluster: { server: string } }[];
    users: { user: object }[];
  };
  const [cluster] = own.clusters;
  const [holder] = own.users;
  if (cluster === undefined || holder === undefined) throw new Error("no cluster or no user");
  cluster.cluster.server = user.server ?? cluster.cluster.server;
  holder.user = { token: user.token };
  writeFileSync(file, JSON.stringify(own), { mode: 0o600 });
  return file;
}
