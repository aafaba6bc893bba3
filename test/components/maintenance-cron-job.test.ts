import { beforeAll, describe, expect, it } from "vitest";
import { findResource, resourcesOfType } from "../lib/graph.ts";
import type { Graph } from "../lib/graph.ts";
import { exampleGraph, types } from "./example-stack.ts";

const cronJob = "kubernetes:batch/v1:CronJob";

/** The little of a Job that is looked at here. */
interface JobSpec {
  readonly backoffLimit: number;
  readonly activeDeadlineSeconds: number;
  readonly template: { readonly metadata: object; readonly spec: PodSpec };
}

interface PodSpec {
  readonly containers: readonly Record<string, unknown>[];
}

let graph: Graph;
let spec: Record<string, unknown> & { readonly jobTemplate: { readonly spec: JobSpec } };
beforeAll(async () => {
  graph = await exampleGraph("p25");
  spec = findResource(graph, cronJob, "maintain").inputs.spec as typeof spec;
});

describe("the maintenance of the tables", () => {
  it("runs every day, one run at a time, and a missed one is made up for the same morning", () => {
    expect(spec).toMatchObject({
      schedule: "17 3 * * *",
      timeZone: "Etc/UTC",
      concurrencyPolicy: "Forbid",
      startingDeadlineSeconds: 21_600,
    });
    expect(findResource(graph, cronJob, "maintain").inputs.metadata).toMatchObject({
      name: "maintain",
    });
  });

  it("is the migrations' Job with another command, and so has its image, login and restrictions", () => {
    const job = findResource(graph, types.job, "migrate").inputs.spec as JobSpec;
    const asMaintenance = JSON.parse(
      JSON.stringify(job).replaceAll('"migrate"', '"maintain"'),
    ) as JobSpec;
    const [container] = asMaintenance.template.spec.containers;
    Object.assign(container ?? {}, { args: ["maintain", "--keep-months", "12"] });
    expect(spec.jobTemplate.spec).toEqual(asMaintenance);
    expect(spec.jobTemplate.spec).toMatchObject({ backoffLimit: 2, activeDeadlineSeconds: 210 });
  });

  it("keeps as many months as the stack says", async () => {
    const database = { host: "db.test", admin: { user: "a", password: "p" }, keepMonths: 3 };
    const other = findResource(await exampleGraph("p25", { database }), cronJob, "maintain");
    const { jobTemplate } = other.inputs.spec as typeof spec;
    expect(jobTemplate.spec.template.spec.containers[0]).toMatchObject({
      args: ["maintain", "--keep-months", "3"],
    });
  });

  it("begins when there are tables, and exists only where there is a database", async () => {
    const component = graph.resources.find(({ type }) => type.endsWith(":MaintenanceCronJob"));
    expect(component?.dependencies).toContain(`${types.job} migrate`);
    const without = await exampleGraph("p25", { database: {} });
    expect(resourcesOfType(without, cronJob).size).toBe(0);
  });
});
