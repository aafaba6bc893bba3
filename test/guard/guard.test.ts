import { afterEach, describe, expect, it } from "vitest";
import type { GuardReport } from "../../infra/rollout/guard-report.ts";
import { GuardWorld, pathOf } from "./support/guard-world.ts";
import type { Traffic } from "./support/guard-world.ts";

let world: GuardWorld;

afterEach(() => world.destroy());

const given = { evidence: { slowMilliseconds: 300 } };

/** One or two guards at p10 that know the attempt. */
async function atP10(guards: readonly string[] = ["a"]): Promise<string> {
  world = await GuardWorld.create({ given });
  for (const name of guards) await world.startGuard(name);
  for (const name of guards) await knows(name, 0);
  world.declare("p10", 10);
  const reports = await Promise.all(guards.map((name) => knows(name, 10)));
  await world.followed(reports[0]?.attempt);
  return reports[0]?.attempt?.name ?? "";
}

/** A guard evaluates at a percentage. */
const knows = (name: string, percentage: number): Promise<GuardReport> =>
  world.reportWhere(
    name,
    `${name} to judge ${String(percentage)} %`,
    ({ attempt, stage, verdict }) =>
      attempt !== null && stage.percentage === percentage && verdict !== null,
  );

const failing: Partial<Traffic> = { v2: () => ({ status: 500 }) };
const kind = (report: GuardReport) => report.verdict?.kind;
const text = (report: GuardReport) =>
  (report.verdict?.findings ?? []).map((finding) => finding.code).join(" ");

/** Every agent applies 0 %. */
const braked = () => world.agents.every(({ applied }) => applied === 0);

async function until(what: string, condition: () => boolean): Promise<void> {
  await expect.poll(condition, { timeout: 15_000, interval: 20, message: what }).toBe(true);
}

describe("a guard", () => {
  it("takes a V2 that fails off traffic, and says why", async () => {
    await atP10();
    world.traffic({ sessions: 200, percentage: 10, ...failing });
    await until("the brake to be pulled", braked);
    expect(world.engaged).toHaveLength(1);
    const [id = ""] = world.engaged;
    const record = JSON.parse(world.brake[`engaged.${id}`] ?? "") as Record<string, string>;
    expect(record).toMatchObject({ who: "a", source: "guard" });
    expect(record["why"]).toMatch(/V2's sessions fail .*; e-value .* of 1,200/);
    const report = await world.reportWhere(
      "a",
      "V2 to have stopped",
      ({ braking, attempt }) => braking?.drainedAt != null && attempt?.engagement === id,
    );
    expect(report.stage).toMatchObject({ name: "p10", percentage: 0 });
    expect(report.braking?.id).toBe(id);
    expect(world.events.map(({ reason }) => reason)).toEqual(
      expect.arrayContaining(["EvidenceCumulative", "RolledBack"]),
    );
  });

  it("takes it off traffic while one router sends it sessions and another one does not yet", async () => {
    world = await GuardWorld.create({ given });
    const [, second] = world.agents;
    if (second !== undefined) second.keptAt = 0;
    await world.startGuard("a");
    await world.followed((await knows("a", 0)).attempt);
    world.declare("p10", 10);
    world.traffic({ sessions: 200, percentage: 10, ...failing });
    await until("the brake to be pulled", braked);
    expect(world.engaged).toHaveLength(1);
  });

  it("leaves a healthy V2 alone, and one that fails no more than V1", async () => {
    await atP10();
    const some = (session: number) => (session % 3 === 0 ? { status: 500 } : {});
    world.traffic({ sessions: 600, percentage: 10, v1: some, v2: some });
    const report = await world.reportWhere("a", "the traffic to be judged", ({ rates }) => {
      return rates.v1.sessions > 500;
    });
    expect(kind(report)).not.toBe("rollback");
    world.traffic({ sessions: 600, percentage: 10 });
    const later = await world.reportWhere("a", "more traffic", ({ rates }) => {
      return rates.v1.sessions > 1000;
    });
    expect(kind(later)).not.toBe("rollback");
    expect(world.engaged).toEqual([]);
    expect(braked()).toBe(false);
  });

  it("begins another attempt after a release, and is not braked by what it saw before", async () => {
    const first = await atP10();
    world.traffic({ sessions: 200, percentage: 10, ...failing });
    await until("the brake to be pulled", braked);
    await world.reportWhere("a", "the engagement to be noted", ({ attempt }) => {
      return attempt?.engagement != null;
    });
    world.release(...world.engaged);
    const next = await world.reportWhere("a", "another attempt", ({ attempt, stage }) => {
      return attempt?.name !== first && stage.percentage === 10;
    });
    expect(next.attempt?.why).toMatch(/was released after a rollback$/);
    await world.followed(next.attempt);
    world.traffic({ sessions: 400, percentage: 10 });
    const judged = await world.reportWhere(
      "a",
      "the traffic",
      ({ rates }) => rates.v1.sessions > 300,
    );
    expect(kind(judged)).not.toBe("rollback");
    expect(world.engaged).toEqual([]);
    // The repaired V2 is judged like any other.
    world.traffic({ sessions: 200, percentage: 10, ...failing });
    await until("the brake to be pulled again", braked);
    expect(world.engaged).toHaveLength(1);
  });

  it("waits for another attempt after a release that came before the engagement was noted", async () => {
    const first = await atP10();
    // Nothing can be written into the Lease, so nobody notes anything.
    world.api.intercept = ({ path, method }) =>
      path === pathOf.lease && method === "PUT" ? { status: 503 } : undefined;
    world.traffic({ sessions: 200, percentage: 10, ...failing });
    await until("the brake to be pulled", braked);
    await world.reportWhere("a", "the engagement to be seen", ({ braking }) => {
      return braking?.zeroAt != null;
    });
    // Another one finds it in force, and so has not pulled it itself.
    await world.startGuard("b");
    await world.reportWhere("b", "the engagement to be seen too", ({ braking }) => {
      return braking?.zeroAt != null;
    });
    const [id = ""] = world.engaged;
    world.release(id);
    for (const name of ["a", "b"]) {
      await world.reportWhere(name, "10 % again", ({ stage, verdict, braking }) => {
        return stage.percentage === 10 && verdict?.kind === "rollback" && braking?.zeroAt == null;
      });
    }
    expect(world.engaged).toEqual([]);
    world.api.intercept = () => undefined;
    const next = await world.reportWhere("a", "another attempt", ({ attempt }) => {
      return attempt?.name !== first;
    });
    expect(next.attempt?.why).toBe(`${id} was released after a rollback`);
    expect(world.engaged).toEqual([]);
  });

  it("engages at the agents themselves where the API server does not answer", async () => {
    await atP10();
    world.api.intercept = ({ path }) => (path === pathOf.brake ? "cut" : undefined);
    world.traffic({ sessions: 200, percentage: 10, ...failing });
    await until("the brake to be pulled", braked);
    expect(world.engaged).toEqual([]);
    const ids = new Set(world.agents.flatMap(({ directIds }) => directIds));
    expect(ids.size).toBe(1);
    // As soon as it answers it has the engagement as well, under the same id.
    world.api.intercept = () => undefined;
    await until("the object to be engaged", () => world.engaged.length > 0);
    expect(world.engaged).toEqual([...ids]);
  });

  it("begins another attempt with another build of V2, and keeps what it knows of V1", async () => {
    world = await GuardWorld.create({ given: { evidence: { minimumAgeSeconds: 1 } } });
    await world.startGuard("a");
    await world.followed((await knows("a", 0)).attempt);
    world.traffic({ sessions: 300, percentage: 0 });
    const measured = await world.reportWhere("a", "candidates", ({ attempt }) => {
      return (attempt?.candidates.length ?? 0) > 0;
    });
    expect(measured.attempt).toMatchObject({ candidates: [30, 40, 60, 100] });
    expect(measured.attempt?.slowMilliseconds).toBeNull();
    await world.followed(measured.attempt);
    world.traffic({
      sessions: 100,
      percentage: 0,
      v1: (session) => ({ durationMs: 20 + session }),
    });
    const frozen = await world.reportWhere("a", "the threshold of slow", ({ attempt }) => {
      return attempt?.slowMilliseconds != null;
    });
    // 90 of 400 sessions took more than 30 ms, 80 more than 40 ms: that is 20 %.
    expect(frozen.attempt?.slowMilliseconds).toBe(40);
    world.deployV2("build-b");
    const next = await world.reportWhere("a", "another attempt", ({ attempt }) => {
      return attempt?.name !== frozen.attempt?.name;
    });
    expect(next.attempt).toMatchObject({ slowMilliseconds: 40 });
    expect(next.attempt?.why).toMatch(/^V2 changed: pods build-b, .* before pods build-a/);
  });

  it("holds and tells people once where a router is missing, and catches up when it is back", async () => {
    world = await GuardWorld.create({
      given: { ...given, guard: { missingDataAlertSeconds: 1 } },
    });
    await world.startGuard("a");
    await knows("a", 0);
    const [, second] = world.agents;
    await second?.stop();
    const report = await world.reportWhere("a", "the fault", (it) => text(it).includes("router-"));
    expect(kind(report)).toBe("hold");
    expect(report.routers).toEqual({ expected: 2, reporting: 1 });
    await until("people to be told", () => world.events.length > 0);
    world.traffic({ sessions: 100, percentage: 0 });
    await world.agents[1]?.start(world.port);
    const back = await world.reportWhere("a", "the router to be back", (it) => {
      return !text(it).includes("router-") && it.rates.v1.sessions === 100;
    });
    expect(back.routers).toEqual({ expected: 2, reporting: 2 });
    const told = world.events.filter(({ reason }) => reason.startsWith("Router"));
    expect(new Set(told.map(({ reason }) => reason)).size).toBe(told.length);
  });
});

describe("two guards", () => {
  it("agree on the attempt; one leads, and the other one brakes all the same without it", async () => {
    await atP10(["a", "b"]);
    const [a, b] = await Promise.all(["a", "b"].map((name) => world.report(name)));
    expect(a?.attempt).toEqual(b?.attempt);
    expect([a?.leads, b?.leads].sort()).toEqual([false, true]);
    const [leader = "", follower = ""] = a?.leads === true ? ["a", "b"] : ["b", "a"];
    await world.stopGuard(leader);
    world.traffic({ sessions: 200, percentage: 10, ...failing });
    await until("the brake to be pulled", braked);
    await world.reportWhere(follower, "the Lease to be taken over", ({ leads }) => leads);
    const report = await world.reportWhere(follower, "the engagement to be noted", (it) => {
      return it.attempt?.engagement != null;
    });
    expect(world.engaged).toEqual([report.attempt?.engagement]);
  });

  it("both pull the brake once, whoever is first", async () => {
    await atP10(["a", "b"]);
    world.traffic({ sessions: 200, percentage: 10, ...failing });
    await until("the brake to be pulled", braked);
    const reports = await Promise.all(
      ["a", "b"].map((name) =>
        world.reportWhere(
          name,
          "the rollback to be complete",
          (it) => it.braking?.drainedAt != null,
        ),
      ),
    );
    expect(reports.map(({ attempt }) => attempt?.engagement !== null)).toEqual([true, true]);
    expect(world.engaged.length).toBeGreaterThan(0);
    expect(world.engaged.length).toBeLessThan(3);
  });
});

describe("a guard that comes back", () => {
  const counts = (report: GuardReport) => [
    report.rates.v1.sessions,
    report.rates.v2.sessions,
    report.verdict?.evidence,
  ];

  it("goes on where it was, also with what happened meanwhile", async () => {
    await atP10();
    world.traffic({
      sessions: 200,
      percentage: 10,
      v2: (n) => (n % 40 === 0 ? { status: 500 } : {}),
    });
    const before = await world.reportWhere(
      "a",
      "the traffic",
      ({ rates }) => rates.v1.sessions > 150,
    );
    await world.stopGuard("a");
    world.traffic({ sessions: 100, percentage: 10 });
    await world.startGuard("a");
    const after = await world.reportWhere("a", "all the traffic", ({ rates }) => {
      return rates.v1.sessions + rates.v2.sessions === 300;
    });
    expect(after.attempt?.name).toBe(before.attempt?.name);
    expect(text(after)).not.toContain("memory-incomplete");
    expect(after.stage.since).toBe(before.stage.since);
  });

  it("holds without what it had known, until another attempt begins", async () => {
    await atP10();
    world.traffic({ sessions: 200, percentage: 10 });
    const before = await world.reportWhere(
      "a",
      "the traffic",
      ({ rates }) => rates.v1.sessions > 150,
    );
    await world.stopGuard("a");
    await world.startGuard("new");
    const after = await world.reportWhere("new", "what the routers know", ({ rates }) => {
      return rates.v1.sessions > 150;
    });
    expect(counts(after)).toEqual(counts(before));
    expect(text(after)).toContain("memory-incomplete");
    world.deployV2("build-b");
    await world.reportWhere("new", "another attempt", (it) => {
      return it.attempt?.name !== before.attempt?.name && !text(it).includes("memory-incomplete");
    });
  });

  it("counts an agent that lost its memory on, and holds", async () => {
    await atP10();
    world.traffic({ sessions: 100, percentage: 10 });
    await world.reportWhere("a", "the traffic", ({ rates }) => {
      return rates.v1.sessions + rates.v2.sessions === 100;
    });
    world.agents[0]?.forget();
    world.traffic({ sessions: 50, percentage: 10 });
    const after = await world.reportWhere("a", "all the traffic", ({ rates }) => {
      return rates.v1.sessions + rates.v2.sessions === 150;
    });
    expect(text(after)).toContain("memory-incomplete");
    expect(kind(after)).toBe("hold");
  });
});
