import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { podsOf } from "../../scripts/rehearsal/pods.ts";
import { BrakeLife, dataPatch, timed } from "./support/brake-life.ts";
import { describeGuard } from "./support/brake-guard.ts";
import { killAgent } from "./support/pods.ts";

let life: BrakeLife;

beforeAll(async () => {
  life = await BrakeLife.start();
});

afterAll(async () => {
  await life?.stop();
});

const kubectl = (...args: string[]) => life.test.stack.commands.kubectl(args);
const apiServer = "kube-apiserver";

/** Each request was decided at 0 % and served by V1. */
const allOnV1 = { "0 % v1": 200 };

describe("people", () => {
  beforeEach(() => life.released());

  it("engage by the verb: every router applies 0 %, every request goes to V1", async () => {
    expect(Object.keys(await life.requests()).sort()).toEqual(["50 % v1", "50 % v2"]);
    const { id, seconds } = await life.brake("by the verb");
    await life.braked(id);
    expect(await life.requests()).toEqual(allOnV1);
    const { code } = await life.release();
    expect(code).toBe(0);
    life.record("engage by the verb", "0 % on every router, all requests on V1", seconds);
    await life.released();
    const after = await life.requests();
    expect(after["50 % v2"]).toBeGreaterThan(50);
  });

  it("engage twice and release one: the other one keeps 0 %", async () => {
    const first = await life.brake("first");
    const second = await life.brake("second");
    await life.braked(first.id, second.id);
    const seconds = await timed(
      (async () => {
        await life.release(first.id);
        await life.braked(second.id);
      })(),
    );
    life.record("two engagements, one released", "0 % under the other one", seconds);

    const unknown = await life.release("20200101T000000Z-abcdef");
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toContain(`no such engagement; engaged: ${second.id}`);
    // Also where a hand writes it, it frees nothing that it does not name.
    await kubectl(
      "patch",
      "configmap",
      "brake",
      "--type=merge",
      "-p",
      dataPatch({ "released.x": "{}" }),
    );
    for (const report of await life.reportsAfter(1.5)) {
      expect(report.brake.engagements.map(({ id }) => id)).toEqual([second.id]);
    }
    life.record("release of an unknown id", "refused, 0 % stays");
    await life.release();
  });

  it("break the glass with kubectl, and release that by name", async () => {
    const seconds = await timed(life.breakGlass("why").then(() => life.braked("anonymous")));
    expect(life.reports?.[0]?.brake.engagements).toMatchObject([{ why: "why", who: "unknown" }]);
    life.record("break glass: kubectl patch", "0 % under the id anonymous", seconds);
    const release = await timed(life.release("anonymous").then(() => life.released()));
    life.record("break glass released by name", "50 % again", release);
    // The same command engages once more after a release.
    await life.breakGlass("again");
    await life.braked("anonymous");
    await life.release();
  });

  it("raise the stage while engaged: up does not release", async () => {
    const { id } = await life.brake("before the up");
    await life.breakGlass("before the up");
    await life.braked(id, "anonymous");
    const { stack } = life.test;
    await stack.enter("p75", { braked: true });
    await life.braked(id, "anonymous");
    expect(life.reports?.map(({ commanded }) => commanded.percentage)).toEqual([75, 75]);
    expect(await life.requests()).toEqual(allOnV1);
    life.record("pulumi up to p75 while engaged", "commanded 75 %, applied 0 %");
    await life.release();
    await life.released(75);
    await stack.enter("p50");
  });
});

describe("the object", () => {
  beforeEach(() => life.released());

  it("deleted while engaged: agents keep what they hold, and so does the object made anew", async () => {
    const { id } = await life.brake("to be deleted");
    await kubectl("delete", "configmap", "brake");
    await life.braked("absent", id);
    life.record("object deleted while engaged", "0 % under the id and under absent");
    const without = await life.release();
    expect(without.code).toBe(2);
    expect(without.stderr).toContain("pulumi up --refresh --stack brake");
    await life.test.stack.commands.up({ args: ["--refresh"] });
    const { output } = await kubectl("get", "configmap", "brake", "--output=jsonpath={.data}");
    expect(output).toBe("");
    for (const report of await life.reportsAfter(1.5)) {
      expect(report).toMatchObject({ appliedPercentage: 0, brake: { engaged: true } });
    }
    await life.braked("absent", id);
    life.record("made anew by up --refresh", "empty object, 0 % stays");
    await life.release("absent");
    await life.braked(id);
    await life.release(id);
    await life.released();
    life.record("released by id", "50 % once both ids are named");
  });

  it("deleted while released: a 404 of a live API server engages", async () => {
    const seconds = await timed(
      kubectl("delete", "configmap", "brake").then(() => life.braked("absent")),
    );
    life.record("object deleted while released", "0 % under the id absent", seconds);
    await life.test.stack.commands.up({ args: ["--refresh"] });
    for (const report of await life.reportsAfter(1.5)) {
      expect(report.brake.engagements.map(({ id }) => id)).toEqual(["absent"]);
    }
    await life.release("absent");
    await life.released();
  });
});

describe("pods", () => {
  beforeEach(() => life.released());

  it("an agent that is killed, and a pod that is replaced, come back engaged", async () => {
    const { id } = await life.brake("over restarts");
    const { commands, observed } = life.test.stack;
    const [victim] = await podsOf(commands, "router");
    const begin = performance.now();
    killAgent(victim?.uid ?? "");
    await observed.until("the agent to be gone", 10, () =>
      life.reports === undefined ? true : undefined,
    );
    expect(await life.requests()).toEqual(allOnV1);
    await life.braked(id);
    const restart = (performance.now() - begin) / 1000;
    life.record("agent container killed while engaged", "0 %, also while it is gone", restart);

    // The same pod: the kubelet would let a container that dies once more wait for ten seconds, in a later test too.
    await kubectl("delete", "pod", victim?.name ?? "", "--wait=false");
    const [, replacement] = await life.everyRouter(
      "a new pod",
      ({ pod }) => pod !== victim?.name,
      60,
    );
    expect(replacement).toBeDefined();
    await life.braked(id);
    expect(await life.requests()).toEqual(allOnV1);
    life.record("router pod replaced while engaged", "the new pod reads the object: 0 %");
    await life.release();
  });
});

describe("the API server", () => {
  beforeEach(() => life.released());

  const contact = (reachable: boolean) =>
    life.everyRouter(
      `the API server to be ${reachable ? "there" : "away"}`,
      (report) => report.apiServer.reachable === reachable,
    );

  it("refuses (403): the last state stays, and nothing counts as absent", async () => {
    const { output: binding } = await kubectl("get", "rolebinding", "router", "--output=json");
    const giveBack = async () => {
      const { environment, stack } = life.test;
      const args = ["--namespace", stack.commands.namespace, "apply", "-f", "-"];
      await environment.execInside("kubectl", args, binding);
    };
    const refuse = async () => {
      await kubectl("delete", "rolebinding", "router");
      await contact(false);
      // The watch of the other ConfigMap is open until its own read is refused, three seconds later at most.
      await life.reportsAfter(5);
    };
    await refuse();
    await life.breakGlass("unseen");
    for (const report of await life.reportsAfter(4)) {
      expect(report).toMatchObject({ appliedPercentage: 50, brake: { engagements: [] } });
    }
    life.record("refused while released", "50 % stays, absent is not engaged");
    await giveBack();
    await life.braked("anonymous");
    // Both have their watches again, so that the loss that follows is not taken for the one before.
    await contact(true);

    await refuse();
    const data = { engaged: null, "released.anonymous": "{}" };
    await kubectl("patch", "configmap", "brake", "--type=merge", "-p", dataPatch(data));
    for (const report of await life.reportsAfter(4)) {
      expect(report).toMatchObject({ appliedPercentage: 0, brake: { engaged: true } });
    }
    life.record("refused while engaged", "0 % stays");
    await giveBack();
    await life.released();
  });

  it("is away: the state stays, and the brake goes to the agents directly", async () => {
    const { environment, stack } = life.test;
    const agents = await life.agents();
    const [, victim] = await podsOf(stack.commands, "router");
    await environment.killComponent(apiServer);
    let direct: Awaited<ReturnType<typeof life.brake>>;
    try {
      await contact(false);
      expect(life.reports?.map((report) => report.appliedPercentage)).toEqual([50, 50]);
      life.record("API server away while released", "50 % stays");

      const ordinary = await life.verb("brake", ["--reason", "x", "--timeout", "1"]);
      expect(ordinary.code).toBe(3);
      expect(ordinary.stderr).toContain("npm run brake -- --agent http://<address");

      direct = await life.brake("directly", agents);
      await life.braked(direct.id);
      expect(await life.requests()).toEqual(allOnV1);
      expect(environment.componentStates()[apiServer]).toBe(false);
      life.record("direct engage without an API server", "0 % on every agent", direct.seconds);

      const begin = performance.now();
      killAgent(victim?.uid ?? "");
      await stack.observed.until("the agent to be gone", 10, () =>
        life.reports === undefined ? true : undefined,
      );
      await life.braked(direct.id);
      const restart = (performance.now() - begin) / 1000;
      life.record("agent killed without an API server", "0 % from its emptyDir", restart);
    } finally {
      await environment.startComponent(apiServer);
    }
    await contact(true);
    for (const report of await life.reportsAfter(2)) {
      expect(report.brake.engagements).toMatchObject([{ id: direct.id, why: "directly" }]);
      expect(report.appliedPercentage).toBe(0);
    }
    life.record("API server back", "0 % stays, the object knows nothing of it");
    const { stdout } = await life.release();
    expect(stdout).toContain(direct.id);
    await life.released();
    life.record("direct engagement released", "50 %, by its id from the reports");
  });

  it("goes away while engaged: 0 % stays", async () => {
    const { environment } = life.test;
    const { id } = await life.brake("before the outage");
    await environment.killComponent(apiServer);
    try {
      await contact(false);
      await life.braked(id);
    } finally {
      await environment.startComponent(apiServer);
    }
    await contact(true);
    await life.braked(id);
    life.record("API server away while engaged", "0 % stays, also when it is back");
    await life.release();
  });
});

describe("the guard's ServiceAccount", () => {
  describeGuard(() => life);
});
