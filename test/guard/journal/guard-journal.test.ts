import type pg from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { recompute } from "../../../infra/rollout/evidence/journal.ts";
import type { JournaledVerdict } from "../../../infra/rollout/evidence/journal.ts";
import { readAttempts, readVerdicts } from "../../../scripts/lib/journal-reader.ts";
import { startPostgres } from "../../lib/postgres.ts";
import type { TestPostgres } from "../../lib/postgres.ts";
import { GuardWorld } from "../support/guard-world.ts";
import { migratedDatabase } from "./journal-fixture.ts";

let server: TestPostgres;
let database: Awaited<ReturnType<typeof migratedDatabase>>;
let reader: pg.Client;
let world: GuardWorld;

beforeAll(async () => {
  server = await startPostgres();
  database = await migratedDatabase(server, "guarded");
  reader = await database.connect("reader");
  world = await GuardWorld.create({
    given: { evidence: { slowMilliseconds: 300 } },
    database: database.writerSettings,
  });
});
afterAll(async () => {
  await world.destroy();
  await database.close();
  await server.stop();
});

async function verdicts(): Promise<JournaledVerdict[]> {
  const all: JournaledVerdict[] = [];
  for await (const verdict of readVerdicts(reader)) all.push(verdict);
  return all;
}

async function rows(sql: string): Promise<unknown[]> {
  return (await reader.query<Record<string, unknown>>(sql)).rows;
}

it("guards journal a rollback and what follows so that another one can go on, and all of it can be recomputed", async () => {
  await world.startGuard("a");
  world.declare("p10", 10);
  const { attempt } = await world.reportWhere("a", "a judgement at 10 %", (report) => {
    return report.attempt !== null && report.stage.percentage === 10 && report.leads;
  });
  await world.followed(attempt);
  world.traffic({ sessions: 200, percentage: 10, v2: () => ({ status: 500 }) });
  await world.reportWhere("a", "V2 to have stopped", ({ braking }) => {
    return braking?.drainedAt != null;
  });
  await world.stopGuard("a");
  const byA = await verdicts();
  expect(byA.some(({ verdict }) => verdict.kind === "rollback")).toBe(true);
  const [id = ""] = world.engaged;
  expect(await rows("SELECT engagement_id, action, who, source FROM brake_events")).toEqual([
    { engagement_id: id, action: "engaged", who: "a", source: "guard" },
  ]);
  expect(
    await rows("SELECT phase, status, metadata ->> 'engagement' AS id FROM migration_status"),
  ).toEqual([{ phase: "rollback", status: "completed", id }]);
  expect(
    await rows("SELECT to_stage, to_percentage, source FROM stage_changes ORDER BY id"),
  ).toEqual(expect.arrayContaining([{ to_stage: "p10", to_percentage: 10, source: "guard" }]));
  expect(await rows("SELECT DISTINCT pool_name FROM pool_metrics ORDER BY 1")).toEqual([
    { pool_name: "pool-v1" },
    { pool_name: "pool-v2" },
  ]);

  // Another pod, with nothing but the journal.
  await world.startGuard("b");
  const wholeAgain = async () =>
    (await verdicts()).some(({ writer, row }) => writer.startsWith("b ") && row.complete);
  await expect.poll(wholeAgain, { timeout: 20_000, interval: 100 }).toBe(true);
  await world.stopGuard("b");
  const all = await verdicts();
  const recomputed = [...recompute(all)];
  expect(recomputed.length).toBeGreaterThan(byA.length);
  expect(recomputed.filter(({ same }) => !same)).toEqual([]);
  const counted = [...recompute(byA)].at(-1)?.row.counts["10"];
  expect(counted?.v1.sessions).toBeGreaterThan(100);
  expect(recomputed.at(-1)?.row.counts["10"]).toEqual(counted);
  const [recorded] = await readAttempts(reader);
  expect(recorded?.attempt).toMatchObject({ name: attempt?.name, engagement: id });
  expect(await rows("SELECT count(*)::integer FROM migration_status")).toEqual([{ count: 1 }]);
});
