import { Session } from "../calls.ts";
import { demand, demandStatus } from "../expect.ts";
import { freshName, type Rule } from "../rule.ts";

/** Headers that every answer carries. */
export const headerRules: readonly Rule[] = [
  {
    name: "request-id-echo",
    demand: "X-Request-Id is echoed",
    async check({ data }) {
      const id = freshName("request");
      const answer = await data.call("GET", "/v1/health", { headers: { "x-request-id": id } });
      const echoed = answer.headers.get("x-request-id");
      demand(echoed === id, `X-Request-Id is ${echoed ?? "missing"} instead of ${id}`);
    },
  },
  {
    name: "request-id-generated",
    demand: "a request without X-Request-Id gets one of its own",
    async check({ data }) {
      const ids = await Promise.all(
        [1, 2].map(async () =>
          (await data.call("GET", "/v1/programs?limit=1")).headers.get("x-request-id"),
        ),
      );
      demand(!ids.includes(null) && !ids.includes(""), "X-Request-Id is missing");
      demand(ids[0] !== ids[1], "two requests have the same X-Request-Id");
    },
  },
  {
    name: "pool-version",
    demand: "X-Pool-Version names the pool: v1 or v2, the side that it is run for",
    async check(target) {
      const answer = await target.data.call("GET", "/v1/health");
      const version = answer.headers.get("x-pool-version") ?? "missing";
      const allowed = target.side === undefined ? ["v1", "v2"] : [target.side];
      demand(
        allowed.includes(version),
        `X-Pool-Version is ${version}, not ${allowed.join(" or ")}`,
      );
    },
  },
  {
    name: "run-headers",
    demand: "an execute names X-Worker-Id, X-Queue-Ms and X-Exec-Ms",
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      const answer = await session.execute("p");
      demandStatus(answer, 200);
      demand(Boolean(answer.headers.get("x-worker-id")), "X-Worker-Id is missing");
      for (const name of ["x-queue-ms", "x-exec-ms"]) {
        const value = answer.headers.get(name);
        demand(value !== null && Number(value) >= 0, `${name} is ${value ?? "missing"}`);
      }
    },
  },
];
