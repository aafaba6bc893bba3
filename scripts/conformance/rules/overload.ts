import { setTimeout as delay } from "node:timers/promises";
import { errorCode, Session } from "../calls.ts";
import type { Answer } from "../client.ts";
import { demand, demandError } from "../expect.ts";
import { setFaults, whenAllBusy, whenBusy, withFaults, workersOf } from "../faults.ts";
import { NotApplicable, type Rule } from "../rule.ts";
import { waitFor } from "../waiting.ts";

const needs = ["admin", "faults"] as const;
/** More calls than this are not sent at once to fill a queue. */
const maxFlood = 1500;
const wave = 100;
/** Long enough for a refusal to arrive. */
const betweenWavesMs = 50;
/** Time limit of a call in the flood: a call that ran into it would make room for another one. */
const waitingMs = "20000";
/** Timeouts in a row that open a breaker. */
const breakerFailures = 5;
const recoveryMs = 5_000;

/** Errors of a pool that is overloaded or broken, made with the fault switches. */
export const overloadRules: readonly Rule[] = [
  {
    name: "error-internal",
    demand: "a failure of the pool itself is 500 internal",
    needs,
    alone: true,
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      await withFaults(target, { error_rate: 1 }, async () => {
        demandError(await session.execute("p"), "internal");
      });
    },
  },
  {
    name: "error-operation-timeout",
    demand: "an operation that takes longer than X-Request-Timeout-Ms is 504 operation_timeout",
    needs,
    alone: true,
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      await withFaults(target, { hang: true }, async () => {
        const answer = await session.execute("p", { "x-request-timeout-ms": "60" });
        demandError(answer, "operation_timeout");
      });
    },
  },
  {
    name: "error-checkout-timeout",
    demand: "a call that no worker is free for in time is 504 checkout_timeout",
    needs,
    alone: true,
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      await withFaults(target, { latency_ms: 500 }, async () => {
        const { all } = await workersOf(target);
        // As many again wait before the call in question, so that no worker that gets free is free for it.
        const filling = Array.from({ length: 2 * all }, () => session.execute("p"));
        await whenAllBusy(target);
        const answer = await session.execute("p", { "x-request-timeout-ms": "50" });
        await Promise.all(filling);
        demandError(answer, "checkout_timeout");
      });
    },
  },
  {
    name: "error-queue-full",
    demand: "a call beyond the bounded queue is 429 queue_full",
    needs,
    alone: true,
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      await withFaults(target, { latency_ms: 300 }, async () => {
        const answers: Promise<Answer>[] = [];
        let full: Answer | undefined;
        while (!full && answers.length < maxFlood) {
          const more = Array.from({ length: wave }, () =>
            session.execute("p", { "x-request-timeout-ms": waitingMs }),
          );
          answers.push(...more);
          for (const answer of more)
            void answer.then(
              (it) => (full ??= isFull(it)),
              () => undefined,
            );
          // None of them is answered before the queue is full, unless it is refused.
          await delay(betweenWavesMs);
        }
        // Those that wait go on at once.
        await setFaults(target, {});
        const all = await Promise.all(answers);
        full ??= all.map(isFull).find((answer) => answer !== undefined);
        if (!full)
          throw new NotApplicable(`${answers.length} calls at once did not fill the queue`);
        demandError(full, "queue_full");
      });
    },
  },
  {
    name: "error-worker-crashed",
    demand: "a call whose worker dies is 502 worker_crashed",
    needs,
    alone: true,
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      await withFaults(target, { latency_ms: 2000 }, async () => {
        const cut = session.execute("p");
        await whenBusy(target);
        await setFaults(target, { kill_worker: true });
        demandError(await cut, "worker_crashed");
      });
    },
  },
  {
    name: "kill-worker-recovery",
    demand: "after a worker's death the pool has as many workers as before, and serves",
    needs,
    alone: true,
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      const { all } = await workersOf(target);
      await setFaults(target, { kill_worker: true });
      await waitFor(`${all} workers again`, recoveryMs, async () => {
        return (await workersOf(target)).all >= all && (await session.execute("p")).status === 200;
      });
    },
  },
  {
    name: "error-circuit-open",
    demand: "after five timeouts in a row a breaker, where there is one, answers 503 circuit_open",
    needs,
    alone: true,
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      let last: Answer | undefined;
      await withFaults(target, { hang: true }, async () => {
        for (let call = 0; call <= breakerFailures; call += 1) {
          last = await session.execute("p", { "x-request-timeout-ms": "60" });
        }
      });
      demand(last !== undefined, "no answer");
      if (last.status === 504) {
        throw new NotApplicable("no breaker opened: V1 has none, V2 has it with its flag on");
      }
      demandError(last, "circuit_open");
    },
  },
];

function isFull(answer: Answer): Answer | undefined {
  return answer.status === 429 || errorCode(answer) === "queue_full" ? answer : undefined;
}
