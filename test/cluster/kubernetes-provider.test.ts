import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { findEnvironment, startEnvironment } from "../../scripts/local/environment.ts";
import type { Environment } from "../../scripts/local/environment.ts";
import { signalInside } from "../../scripts/local/namespaces.ts";
import { createStack, endOf } from "../local/engine-stack.ts";
import type { EngineStack } from "../local/engine-stack.ts";

const name = "provider-test";
const namespace = "provider-test";

let environment: Environment;
let wasRunning: boolean;
let stack: EngineStack;
let image: string;

beforeAll(async () => {
  wasRunning = findEnvironment(name) !== undefined;
  environment = await startEnvironment({ name });
  image = (await environment.loadImages())["pool-v1"];
  stack = await createStack((args, options) => environment.spawnInside("pulumi", args, options));
}, 1_200_000);

afterAll(async () => {
  await stack.run("destroy", "--yes", "--skip-preview");
  await stack.run("stack", "rm", "--yes", "test");
  stack.remove();
  if (!wasRunning) await environment.stop();
});

/** Output of kubectl in the stack's namespace. */
function kubectl(...args: string[]): Promise<string> {
  return environment.execInside("kubectl", ["--namespace", namespace, ...args]);
}

/** An object as it is now. */
async function live(kind: string, object: string): Promise<Record<string, unknown>> {
  const text = await kubectl("get", kind, object, "--output", "json");
  return JSON.parse(text) as Record<string, unknown>;
}

/** What a program declares beyond its defaults. */
interface Declared {
  percentage?: string;
  brakeLabel?: string;
  token?: string;
  image?: string;
  replicas?: number;
  job?: string;
  more?: string;
}

/** A program like the real one in small: a percentage, a brake without data, a Secret that a Deployment names, a Job. */
function program(declared: Declared = {}): string {
  const { percentage = "5", brakeLabel = "one", token = "hush-hush", replicas = 2 } = declared;
  const script = "process.on('SIGTERM', () => process.exit()); setInterval(() => undefined, 1000)";
  return `
    import * as k8s from "@pulumi/kubernetes";
    import * as pulumi from "@pulumi/pulumi";
    const provider = new k8s.Provider("kubernetes", { enableConfigMapMutable: true });
    const opts = { provider };
    new k8s.core.v1.ConfigMap("rollout", {
      metadata: { name: "rollout", namespace: "${namespace}" }, data: { percentage: "${percentage}" },
    }, opts);
    const namespace = new k8s.core.v1.Namespace("namespace", {
      metadata: { name: "${namespace}" } }, opts).metadata.name;
    new k8s.core.v1.ConfigMap("brake", {
      metadata: { name: "brake", namespace, labels: { label: "${brakeLabel}" } } }, opts);
    const tokens = new k8s.core.v1.Secret("tokens", {
      metadata: { namespace }, stringData: { token: pulumi.secret("${token}") } }, opts);
    const container = {
      name: "worker", image: "${declared.image ?? image}", imagePullPolicy: "IfNotPresent",
      command: ["/usr/local/bin/node", "-e", ${JSON.stringify(script)}],
    };
    new k8s.apps.v1.Deployment("web", {
      metadata: { name: "web", namespace },
      spec: {
        replicas: ${String(replicas)}, selector: { matchLabels: { app: "web" } },
        template: {
          metadata: { labels: { app: "web" } },
          spec: { containers: [{ ...container, envFrom: [{ secretRef: { name: tokens.metadata.name } }] }] },
        },
      },
    }, { ...opts, customTimeouts: { create: "90s", update: "${declared.image ? "8s" : "90s"}" } });
    const job = new k8s.batch.v1.Job("migrate", {
      metadata: { namespace, annotations: { "pulumi.com/replaceUnready": "true" } },
      spec: { backoffLimit: 0, template: { spec: { restartPolicy: "Never", containers: [{
        ...container, image: "${image}", command: ["/usr/local/bin/node", "-e", ${JSON.stringify(declared.job ?? "")}],
      }] } } },
    }, opts);
    export const jobName = job.metadata.name;
    ${declared.more ?? ""}
  `;
}

const up = ["up", "--yes", "--skip-preview"] as const;

describe("a stack on a real cluster", () => {
  it("makes an object in a namespace that the same update makes, and waits for the others", async () => {
    stack.write(program());
    const { code, output } = await stack.run(...up);
    expect(output).toMatch(/\+ 8 created/);
    expect(code).toBe(0);
    expect(await live("configmap", "rollout")).toMatchObject({ data: { percentage: "5" } });
    expect(await live("deployment", "web")).toMatchObject({ status: { availableReplicas: 2 } });
    const jobs = await kubectl("get", "jobs", "--output", "jsonpath={.items[*].status.succeeded}");
    expect(jobs).toBe("1");
  }, 180_000);

  it("changes nothing a second time, seen from the cluster either", async () => {
    const { code, output } = await stack.run(...up, "--refresh", "--expect-no-changes");
    expect(output).toContain("unchanged");
    expect(code).toBe(0);
  }, 120_000);

  it("shows a change of the percentage in a few lines and makes it in place", async () => {
    const before = await live("configmap", "rollout");
    stack.write(program({ percentage: "10" }));
    const preview = await stack.run("preview", "--diff", "--suppress-progress");
    expect(preview.output).toContain(`~ percentage: "5" => "10"`);
    expect(preview.output).toMatch(/~ 1 to update/);
    expect(preview.output.trim().split("\n").length).toBeLessThan(20);
    expect((await stack.run(...up)).code).toBe(0);
    const uid = (object: Record<string, unknown>) => (object["metadata"] as { uid: string }).uid;
    const after = await live("configmap", "rollout");
    expect(after).toMatchObject({ data: { percentage: "10" } });
    expect(uid(after)).toBe(uid(before));
  }, 120_000);

  it("leaves alone what others write into an object that is declared without data", async () => {
    const write = (key: string, ...flags: string[]) =>
      kubectl(
        ...["patch", "configmap", "brake", "--type", "merge", ...flags],
        ...["--patch", JSON.stringify({ data: { [key]: "x" } })],
      );
    await write("engaged.1", "--field-manager", "guard");
    expect((await stack.run("refresh", "--yes", "--skip-preview")).code).toBe(0);
    stack.write(program({ percentage: "10", brakeLabel: "two" }));
    expect((await stack.run(...up)).code).toBe(0);
    expect(await live("configmap", "brake")).toMatchObject({
      data: { "engaged.1": "x" },
      metadata: { labels: { label: "two" } },
    });
  }, 120_000);

  it("gives a changed Secret a new name, so that the Deployment rolls, and removes the old one", async () => {
    const secrets = async () =>
      (await kubectl("get", "secrets", "--output", "jsonpath={.items[*].metadata.name}")).split(
        " ",
      );
    const [before] = await secrets();
    stack.write(program({ percentage: "10", brakeLabel: "two", token: "hush-again" }));
    const { code, output } = await stack.run(...up);
    expect(code).toBe(0);
    expect(output).not.toContain("hush");
    const after = await secrets();
    expect(after).toHaveLength(1);
    expect(after[0]).not.toBe(before);
    const value = await kubectl("get", "secrets", "--output", "jsonpath={.items[0].data.token}");
    expect(Buffer.from(value, "base64").toString()).toBe("hush-again");
    const state = await stack.run("stack", "export");
    expect(state.output).not.toContain(value);
    expect(state.output).not.toContain("hush-again");
  }, 120_000);

  const settled = { brakeLabel: "two", token: "hush-again" };

  it("says why a Deployment does not get ready; what depends on nothing is applied all the same", async () => {
    stack.write(program({ ...settled, percentage: "0", image: "docker.io/local/absent:1" }));
    const { code, output } = await stack.run(...up);
    expect(code).not.toBe(0);
    expect(output).toContain("Deployment web was not ready within 8 s");
    expect(output).toMatch(/container worker: (ErrImagePull|ImagePullBackOff)/);
    expect(await live("configmap", "rollout")).toMatchObject({ data: { percentage: "0" } });
    // The old version went on.
    expect(await live("deployment", "web")).toMatchObject({ status: { availableReplicas: 2 } });

    stack.write(program({ ...settled, percentage: "10" }));
    expect((await stack.run(...up)).code).toBe(0);
    expect((await stack.run(...up, "--expect-no-changes")).code).toBe(0);
  }, 180_000);

  it("tells of a Job that failed, and runs it again", async () => {
    const failing = "console.log('no luck'); process.exit(3)";
    stack.write(program({ ...settled, percentage: "10", job: failing }));
    const failed = await stack.run(...up);
    expect(failed.code).not.toBe(0);
    expect(failed.output).toMatch(/Job migrate-[0-9a-f]{8} failed/);
    expect(failed.output).toContain("ended with exit code 3");
    const before = await kubectl("get", "jobs", "--output", "jsonpath={.items[*].metadata.name}");
    const again = await stack.run(...up);
    expect(again.output).toContain("ended with exit code 3");
    expect(await kubectl("get", "jobs", "--output", "jsonpath={.items[*].metadata.name}")).not.toBe(
      before,
    );
    stack.write(program({ ...settled, percentage: "10" }));
    expect((await stack.run(...up)).code).toBe(0);
  }, 180_000);

  it("finds out what was removed or changed by hand, and puts it right", async () => {
    await kubectl("delete", "configmap", "rollout");
    await kubectl("patch", "deployment", "web", "--patch", `{"spec":{"replicas":3}}`);
    const { code, output } = await stack.run(...up, "--refresh");
    expect(output).toMatch(/\+ 1 created/);
    expect(code).toBe(0);
    expect(await live("configmap", "rollout")).toMatchObject({ data: { percentage: "10" } });
    expect(await live("deployment", "web")).toMatchObject({ spec: { replicas: 2 } });
  }, 120_000);

  it("refuses to take an object that exists already", async () => {
    await kubectl("create", "configmap", "taken");
    const more = `new k8s.core.v1.ConfigMap("taken", {
      metadata: { name: "taken", namespace: "${namespace}" } }, opts);`;
    stack.write(program({ ...settled, percentage: "10", more }));
    const { code, output } = await stack.run(...up);
    expect(output).toContain("ConfigMap taken already exists in provider-test");
    expect(code).not.toBe(0);
    await kubectl("delete", "configmap", "taken");
  }, 120_000);

  it("waits on while the API server is away for a moment", async () => {
    const later = "setTimeout(() => undefined, 6000)";
    stack.write(program({ ...settled, percentage: "10", job: later }));
    const ended = endOf(stack.start(...up));
    await vi.waitFor(
      async () => {
        const active = "jsonpath={.items[*].status.active}";
        expect(await kubectl("get", "jobs", "--output", active)).toBe("1");
      },
      { timeout: 60_000, interval: 200 },
    );
    await environment.killComponent("kube-apiserver");
    await environment.startComponent("kube-apiserver");
    const { code, output } = await ended;
    expect(output).not.toContain("error:");
    expect(code).toBe(0);
  }, 180_000);

  it("stops waiting at Ctrl-C and keeps what it made; the next update goes on from there", async () => {
    const endless =
      "process.on('SIGTERM', () => process.exit(1)); setInterval(() => undefined, 1000)";
    stack.write(program({ ...settled, percentage: "10", job: endless }));
    const child = stack.start(...up);
    const ended = endOf(child);
    await vi.waitFor(
      async () => {
        const active = "jsonpath={.items[*].status.active}";
        expect(await kubectl("get", "jobs", "--output", active)).toContain("1");
      },
      { timeout: 60_000, interval: 200 },
    );
    signalInside(child, "SIGINT");
    const { code, output } = await ended;
    expect(code).not.toBe(0);
    expect(output).toContain("cancelled");
    stack.write(program({ ...settled, percentage: "10" }));
    const next = await stack.run(...up);
    expect(next.output).not.toContain("pending");
    expect(next.code).toBe(0);
    // The interrupted Job was not forgotten: it made room for the new one.
    const jobs = await kubectl("get", "jobs", "--output", "jsonpath={.items[*].metadata.name}");
    expect(jobs.split(" ")).toHaveLength(1);
  }, 180_000);

  it("is destroyed with its namespace, also if something is gone already", async () => {
    await kubectl("delete", "configmap", "brake");
    const { code, output } = await stack.run("destroy", "--yes", "--skip-preview");
    expect(output).toMatch(/deleted/);
    expect(code).toBe(0);
    const names = await kubectl("get", "namespaces", "--output", "name");
    expect(names).not.toContain(namespace);
  }, 180_000);
});
