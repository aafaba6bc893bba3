import { z } from "zod";
import { Session } from "../calls.ts";
import { demand, demandBody, demandStatus } from "../expect.ts";
import { adminOf, NotApplicable, type Rule } from "../rule.ts";
import { waitFor } from "../waiting.ts";
import { metricNames, sampleValue, samplesOf } from "../metrics.ts";

const needs = ["admin"] as const;
const number = z.number();

async function metricsText(target: Parameters<Rule["check"]>[0]): Promise<string> {
  const answer = await adminOf(target).call("GET", "/metrics");
  demandStatus(answer, 200);
  return answer.text;
}

/** Probes, figures and switches of the admin port. */
export const adminRules: readonly Rule[] = [
  {
    name: "livez",
    demand: "GET /livez answers 200",
    needs,
    async check(target) {
      demandStatus(await adminOf(target).call("GET", "/livez"), 200);
    },
  },
  {
    name: "readyz",
    demand: "GET /readyz answers 200 while a worker is ready",
    needs,
    async check(target) {
      demandStatus(await adminOf(target).call("GET", "/readyz"), 200);
    },
  },
  {
    name: "stats",
    demand: "GET /v1/stats answers 200 with the fields of the snapshot",
    needs,
    async check(target) {
      const shape = z.looseObject({
        pool_size: z.int().min(1),
        active_workers: z.int().min(0),
        idle_workers: z.int().min(0),
        queue_depth: z.int().min(0),
        utilization: number.min(0).max(1),
        throughput: number.min(0),
        avg_latency: number.min(0),
        p99_latency: number.min(0),
        error_rate: number.min(0).max(1),
        health_score: number.min(0).max(100),
        timestamp: z.iso.datetime({ offset: true }),
      });
      demandBody(await adminOf(target).call("GET", "/v1/stats"), 200, shape);
    },
  },
  {
    name: "metrics-names",
    demand: "GET /metrics has every metric family of the contract",
    needs,
    async check(target) {
      const text = await metricsText(target);
      const missing = metricNames.filter((name) => !text.includes(`\n# TYPE ${name} `));
      demand(missing.length === 0, `missing: ${missing.join(", ")}`);
    },
  },
  {
    name: "metrics-version",
    demand: "every sample of a pool_ metric carries pool_version",
    needs,
    async check(target) {
      const samples = samplesOf(await metricsText(target), "pool_");
      const without = samples.filter((line) => !/[{,]pool_version="v[12]"/.test(line));
      demand(samples.length > 0 && without.length === 0, `without it: ${without[0] ?? "all"}`);
    },
  },
  {
    name: "metrics-buckets",
    demand: "the request histogram has buckets at 0.1 and 0.2 seconds",
    needs,
    async check(target) {
      await new Session(target).ids();
      const samples = samplesOf(await metricsText(target), "pool_request_duration_seconds_bucket");
      for (const bound of ["0.1", "0.2"]) {
        const has = samples.some((line) => line.includes(`le="${bound}"`));
        demand(has, `there is no bucket le="${bound}"`);
      }
    },
  },
  {
    name: "metrics-count",
    demand: "pool_requests_total counts each answer once, by operation and code",
    needs,
    alone: true,
    async check(target) {
      const session = new Session(target);
      const count = async () => {
        const text = await metricsText(target);
        return sampleValue(text, "pool_requests_total", { operation: "execute", code: "404" });
      };
      const before = await count();
      await session.execute("p");
      await session.execute("p");
      await waitFor("two more 404", 1000, async () => (await count()) === before + 2);
    },
  },
  {
    name: "warm-up",
    demand: "POST /admin/warmup, where there is one, answers 202, and readiness comes back",
    needs,
    alone: true,
    async check(target) {
      const admin = adminOf(target);
      const answer = await admin.call("POST", "/admin/warmup", { body: { strategy: "parallel" } });
      if (answer.status === 404) throw new NotApplicable("the pool has no warm-up");
      demandStatus(answer, 202);
      await waitFor("ready again", 30_000, async () => {
        return (await admin.call("GET", "/readyz")).status < 300;
      });
    },
  },
  {
    name: "faults",
    demand: "PUT /admin/faults, in a test image, answers 204",
    needs: ["admin", "faults"],
    alone: true,
    async check(target) {
      const answer = await adminOf(target).call("PUT", "/admin/faults", { body: {} });
      demandStatus(answer, 204);
    },
  },
];
