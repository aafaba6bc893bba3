import { isDeepStrictEqual } from "node:util";
import { program, Session } from "../calls.ts";
import { demand, demandError, demandStatus } from "../expect.ts";
import type { Rule } from "../rule.ts";
import { whenBusy, withFaults } from "../faults.ts";

const key = { "idempotency-key": "k" };
const replayed = "idempotent-replayed";

/** What an Idempotency-Key does. */
export const idempotencyRules: readonly Rule[] = [
  {
    name: "idempotency-replay",
    demand: "a repeated execute gets the first answer, marked Idempotent-Replayed: true",
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      const first = await session.execute("p", key);
      demandStatus(first, 200);
      demand(first.headers.get(replayed) === null, "the first answer is marked as replayed");
      const second = await session.execute("p", key);
      demandStatus(second, 200);
      demand(
        second.headers.get(replayed) === "true",
        "the second answer is not marked as replayed",
      );
      demand(
        isDeepStrictEqual(second.json, first.json),
        "the second answer differs from the first",
      );
    },
  },
  {
    name: "idempotency-once",
    demand: "ten creates without id at once with one key make one program",
    async check(target) {
      const session = new Session(target);
      const create = () => session.call("POST", "/v1/programs", { body: program, headers: key });
      const answers = await Promise.all(Array.from({ length: 10 }, create));
      for (const answer of answers) demandStatus(answer, 200, 201, 409);
      const ids = await session.ids();
      demand(ids.length === 1, `there are ${ids.length} programs`);
    },
  },
  {
    name: "idempotency-per-session",
    demand: "a key belongs to its session: the same key in another one is another request",
    async check(target) {
      for (const session of [new Session(target), new Session(target)]) {
        await session.given("p");
        const answer = await session.execute("p", { "idempotency-key": "shared" });
        demandStatus(answer, 200);
        demand(answer.headers.get(replayed) === null, "the answer of another session is replayed");
      }
    },
  },
  {
    name: "idempotency-refusal",
    demand: "a refusal that is not retryable is the first result too and is replayed",
    async check(target) {
      const session = new Session(target);
      await session.given("q");
      const refused = { "idempotency-key": "refused" };
      demandStatus(await session.execute("p", refused), 404);
      await session.given("p");
      demandStatus(await session.execute("p", refused), 404);
    },
  },
  {
    name: "idempotency-retryable",
    demand: "a retryable failure is not stored: the same key runs again",
    needs: ["admin", "faults"],
    alone: true,
    async check(target) {
      const session = new Session(target);
      const retried = { "idempotency-key": "retried" };
      await session.given("p");
      await withFaults(target, { hang: true }, async () => {
        const headers = { ...retried, "x-request-timeout-ms": "60" };
        demandStatus(await session.execute("p", headers), 504);
      });
      demandStatus(await session.execute("p", retried), 200);
    },
  },
  {
    name: "error-idempotency-key-reused",
    demand: "a key with another body is 422 idempotency_key_reused",
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      demandStatus(await session.execute("p", key, "one"), 200);
      demandError(await session.execute("p", key, "two"), "idempotency_key_reused");
    },
  },
  {
    name: "error-request-in-progress",
    demand: "a key whose first request still runs is 409 request_in_progress",
    needs: ["admin", "faults"],
    alone: true,
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      await withFaults(target, { latency_ms: 800 }, async () => {
        const slow = session.execute("p", key);
        await whenBusy(target);
        const meanwhile = await session.execute("p", key);
        demandStatus(await slow, 200);
        demandError(meanwhile, "request_in_progress");
      });
    },
  },
];
