import { z } from "zod";
import { errorCode, Session } from "../calls.ts";
import type { Answer } from "../client.ts";
import { demand, demandBody, demandError, demandStatus } from "../expect.ts";
import { setFaults } from "../faults.ts";
import { adminOf, NotApplicable, type Rule, type Target } from "../rule.ts";
import { waitFor } from "../waiting.ts";

const needs = ["admin"] as const;
const callers = 4;
/** Longer than any settle period. */
const refusalMs = 60_000;

const drainShape = z.looseObject({
  state: z.enum(["draining", "drained"]),
  in_flight: z.int().min(0),
  queued: z.int().min(0),
  deadline: z.iso.datetime({ offset: true }),
});

/** Works while the pool drains, and lets it serve again whatever happens. */
async function whileDraining(
  target: Target,
  work: (answer: Answer) => Promise<void>,
): Promise<void> {
  const admin = adminOf(target);
  const answer = await admin.call("POST", "/admin/drain", { body: { timeout_s: 20 } });
  try {
    await work(answer);
  } finally {
    await admin.call("DELETE", "/admin/drain");
    await waitFor("ready after the drain", 5000, async () => {
      return (await admin.call("GET", "/readyz")).status < 300;
    });
  }
}

/** Calls one after the other until `over`; returns all answers. */
async function callUntil(session: Session, over: (answer: Answer) => boolean): Promise<Answer[]> {
  const answers: Answer[] = [];
  const end = performance.now() + refusalMs;
  while (performance.now() < end) {
    const answer = await session.execute("p");
    answers.push(answer);
    if (over(answer)) return answers;
  }
  return answers;
}

function isRefused(answer: Answer): boolean {
  return errorCode(answer) === "draining";
}

/** Drain and end of a pool. */
export const drainRules: readonly Rule[] = [
  {
    name: "drain",
    demand: "POST /admin/drain answers 202, GET 200 with the state, DELETE 200 serving",
    needs,
    alone: true,
    async check(target) {
      const admin = adminOf(target);
      await whileDraining(target, async (answer) => {
        demandBody(answer, 202, drainShape);
        demandBody(await admin.call("GET", "/admin/drain"), 200, drainShape);
        const serving = z.looseObject({ state: z.literal("serving") });
        demandBody(await admin.call("DELETE", "/admin/drain"), 200, serving);
      });
    },
  },
  {
    name: "drain-repeated",
    demand: "a repeated drain changes nothing: same deadline",
    needs,
    alone: true,
    async check(target) {
      await whileDraining(target, async (first) => {
        const body = { timeout_s: 300 };
        const second = await adminOf(target).call("POST", "/admin/drain", { body });
        const deadlines = [first, second].map(({ json }) => json?.["deadline"]);
        demand(deadlines[0] === deadlines[1], `the deadline moved: ${deadlines.join(", then ")}`);
      });
    },
  },
  {
    name: "drain-readyz",
    demand: "readiness fails at once when a drain begins",
    needs,
    alone: true,
    async check(target) {
      await whileDraining(target, async () => {
        demandStatus(await adminOf(target).call("GET", "/readyz"), 503);
      });
    },
  },
  {
    name: "drain-under-load",
    demand: "no call is lost to a drain: each is answered 200, or 503 draining after the settling",
    needs,
    alone: true,
    async check(target) {
      const sessions = Array.from({ length: callers }, () => new Session(target));
      await Promise.all(sessions.map((session) => session.given("p")));
      await whileDraining(target, async () => {
        const answers = await Promise.all(sessions.map((it) => callUntil(it, isRefused)));
        const lost = answers.flat().filter((answer) => answer.status !== 200 && !isRefused(answer));
        demand(lost.length === 0, `${lost.length} calls lost, the first with ${lost[0]?.status}`);
        demand(
          answers.some((own) => own.length > 1),
          "calls were refused before the drain had settled",
        );
      });
    },
  },
  {
    name: "error-draining",
    demand: "a drained pool answers 503 draining with Connection: close",
    needs,
    alone: true,
    async check(target) {
      const session = new Session(target);
      await session.given("p");
      await whileDraining(target, async () => {
        const answers = await callUntil(session, isRefused);
        const last = answers.at(-1);
        demand(last !== undefined, "no answer");
        demandError(last, "draining");
        const connection = last.headers.get("connection") ?? "missing";
        demand(connection === "close", `Connection is ${connection}`);
      });
    },
  },
  {
    name: "sigterm",
    demand: "SIGTERM finishes what is in flight and ends the process with 0",
    needs: ["process"],
    alone: true,
    async check(target) {
      const { process } = target;
      if (!process) throw new NotApplicable("the pool was not started by --exec");
      const session = new Session(target);
      await session.given("p");
      if (target.admin) await setFaults(target, { latency_ms: 150 }).catch(() => undefined);
      const inFlight = Array.from({ length: callers }, () => session.execute("p"));
      // Sent on other connections and answered before, so that those have arrived.
      await target.data.call("GET", "/v1/health");
      process.terminate();
      for (const answer of await Promise.all(inFlight)) demandStatus(answer, 200);
      const code = await process.exit;
      demand(code === 0, `the process ended with ${code ?? "a signal"}`);
    },
  },
];
