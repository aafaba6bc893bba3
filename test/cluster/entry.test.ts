import { afterAll, beforeAll, expect, it } from "vitest";
import { objectNames, workloadSelector } from "../../infra/rollout/names.ts";
import { defaultShape } from "../../scripts/rehearsal/load-plan.ts";
import { outcomeOf } from "../../scripts/rehearsal/outcome.ts";
import type { RequestRecord } from "../../scripts/rehearsal/records.ts";
import { startStackUnderTest, type StackUnderTest } from "./support/stack-under-test.ts";

/** Seconds for which the way may be either one after an `up`: the Service's rules, and connections of before. */
const settleSeconds = 4;

let test: StackUnderTest;
let seed = 500;

beforeAll(async () => {
  test = await startStackUnderTest("entry");
  await test.stack.enter("p25");
});

afterAll(async () => {
  await test?.stop();
});

async function podNames(workload: string): Promise<string[]> {
  const [selector] = Object.entries(workloadSelector(workload)).map((pair) => pair.join("="));
  const query = ["get", "pods", "--selector", selector ?? "", "--output", "name"];
  const { output } = await test.stack.commands.kubectl(query);
  return output.trim().split("\n").sort();
}

async function declaredReplicas(): Promise<number> {
  const path = ["--output", "jsonpath={.spec.replicas}"];
  const { output } = await test.stack.commands.kubectl(["get", "deploy", "pool-v2", ...path]);
  return Number(output);
}

/** What callers see while `change` is made and for a while after it; `settled` are the requests of its last seconds, `wrong` programs. */
async function callersDuring(change: () => Promise<unknown>) {
  const { stack } = test;
  const records: RequestRecord[] = [];
  const forget = stack.onRequest((record) => records.push(record));
  await stack.startLoad({ ...defaultShape, seed: ++seed, rate: 60, sessions: 200 });
  await stack.hold(2);
  await change();
  await stack.hold(settleSeconds);
  const settledAt = Date.now();
  await stack.hold(2);
  await stack.stopLoad();
  forget();
  const { notListed, notExecutable, reappeared } = await stack.verifyPrograms();
  return {
    records,
    wrong: [...notListed, ...notExecutable, ...reappeared],
    settled: records.filter(({ intendedAt }) => intendedAt >= settledAt),
    lost: records.filter((record) => outcomeOf(record, undefined) === "lost"),
  };
}

const declare = async (values: Record<string, string>) => {
  await test.stack.commands.setConfig(values);
  await test.stack.commands.up();
};
const passedBy = ({ pool, rollout }: RequestRecord) => pool !== undefined && rollout === undefined;

it("a pod that the Pod Security Standard restricted forbids is refused", async () => {
  const pod = ["run", "forbidden", "--image", "docker.io/local/none:1", "--privileged"];
  const { code, output } = await test.stack.commands.kubectl(pod, { mayFail: true });
  expect(code).not.toBe(0);
  expect(output).toMatch(/violates PodSecurity "restricted:latest"/);
});

it("callers are led past the router to V1 and back; no pod is replaced and nothing is lost", async () => {
  const names = ["pool-v1", "pool-v2", objectNames.router];
  const before = await Promise.all(names.map(podNames));
  const out = await callersDuring(() => declare({ "router.entry": "beside" }));
  expect(out.settled.length).toBeGreaterThan(50);
  expect(out.settled.filter((record) => !passedBy(record))).toEqual([]);
  expect(out.settled.filter(({ pool }) => pool !== "v1")).toEqual([]);
  expect(test.stack.observed.appliedPercentage).toBe(0);

  const back = await callersDuring(() => declare({ "router.entry": "inline" }));
  expect(back.settled.length).toBeGreaterThan(50);
  expect(back.settled.filter(passedBy)).toEqual([]);
  expect(back.settled.some(({ pool }) => pool === "v2")).toBe(true);
  expect([...out.lost, ...back.lost]).toEqual([]);
  expect([...out.wrong, ...back.wrong]).toEqual([]);
  expect(await Promise.all(names.map(podNames))).toEqual(before);
});

it("a live V2 is handed to an autoscaler, scaled by it, updated, and taken back, never below its minimum", async () => {
  const { environment, stack } = test;
  const before = await podNames("pool-v2");
  await declare({ "v2.replicas.max": "4" });
  expect(await declaredReplicas()).toBe(2);
  expect(await podNames("pool-v2")).toEqual(before);
  // There are no CPU figures in this cluster: the size is written as the autoscaler writes it.
  await stack.commands.kubectl(["scale", "deployment", "pool-v2", "--replicas", "3"]);
  await declare({ "v2.settings.POOL_EXECUTION_MS": "3" });
  expect(await declaredReplicas()).toBe(3);
  const { directory, stack: name } = stack.commands.place;
  const remove = ["config", "rm", "--path", "pool-migration:v2.replicas.max", "--stack", name];
  await environment.execInside("pulumi", ["--cwd", directory, ...remove]);
  await stack.commands.up();
  expect(await declaredReplicas()).toBe(2);
});

it("callers are handed to V2 and the router goes; V2's pods stay and nothing is lost", async () => {
  await test.stack.enter("retired");
  const before = await podNames("pool-v2");
  const { settled, lost, wrong } = await callersDuring(() => declare({ "router.retire": "true" }));
  expect(settled.length).toBeGreaterThan(50);
  expect(settled.filter((record) => !passedBy(record) || record.pool !== "v2")).toEqual([]);
  expect(lost).toEqual([]);
  expect(wrong).toEqual([]);
  expect(await podNames("pool-v2")).toEqual(before);
  expect(await podNames(objectNames.router)).toEqual([""]);
  const gone = ["configmap/rollout", "configmap/brake", "deployment/router", "service/router"];
  const found = await test.stack.commands.kubectl([
    "get",
    "--ignore-not-found",
    "--output",
    "name",
    ...gone,
  ]);
  expect(found.output.trim()).toBe("");
});
