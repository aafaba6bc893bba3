import { parseDecisionLine } from "../../infra/rollout/decision-log.ts";
import { settingsInForce } from "../../infra/rollout/evidence/settings.ts";
import { badSlis, isTimed, slis } from "../../infra/rollout/evidence/slis.ts";
import { spanOfStage, stageAt, tickSeconds } from "./plan.ts";
import type { Plan } from "./plan.ts";
import { exponential } from "./random.ts";
import type { Random } from "./random.ts";
import { sessionsOf } from "./traffic.ts";
import type { Session } from "./traffic.ts";

/** Numbers of one SLI in a tick: bad requests, newly bad sessions of the stage, and of the attempt. */
export const fieldsOfSli = 3;

/**
 * What happens in each tick of a migration, by side (0 = V1, 1 = V2). Bad requests are drawn from each session's own
 * Poisson process, good ones only as totals: that is the same distribution at a hundredth of the cost.
 */
export interface Events {
  readonly ticks: number;
  /** [tick][side][sli][field] */
  readonly bad: Int32Array;
  /** Sessions seen for the first time at the stage: [tick][side] */
  readonly seen: Int32Array;
  /** Slow first requests of moved sessions that are timed all the same: [tick][side] */
  readonly cold: Int32Array;
  /** Expected requests a second: [tick][side] */
  readonly rate: Float64Array;
}

/** A moved session's first request, as the decision log has it. */
const coldLine = parseDecisionLine(
  JSON.stringify({
    event: "routing_decision",
    ts: "2026-01-01T00:00:00.000Z",
    request_id: "r",
    session_id: "s",
    route: "split-session-safe;r7.1;25",
    arm: "worker-v2-then-v1",
    served: "v2",
    attempts: 1,
    status: 200,
    flags: "",
    ms: 5000,
  }),
);

/** Routers that sessions' requests are spread over. */
const routers = 2;

/** Time to settle after a change of the percentage, seconds. */
const settleSeconds = settingsInForce("accelerated").evidence.minimumAgeSeconds;

/** Draws the events of a migration. */
export function drawEvents(plan: Plan, random: Random): Events {
  const [, seconds] = spanOfStage(plan, plan.percentages.length - 1);
  const ticks = seconds / tickSeconds;
  const events: Events = {
    ticks,
    bad: new Int32Array(ticks * 2 * slis.length * fieldsOfSli),
    seen: new Int32Array(ticks * 2),
    cold: new Int32Array(ticks * 2),
    rate: new Float64Array((ticks + 1) * 2),
  };
  for (const session of sessionsOf(plan.traffic, seconds, random)) {
    drawSession(plan, session, events, random);
  }
  for (let index = 2; index < events.rate.length; index += 1) {
    events.rate[index] = (events.rate[index] ?? 0) + (events.rate[index - 2] ?? 0);
  }
  return events;
}

function drawSession(plan: Plan, session: Session, events: Events, random: Random): void {
  const { ticks, bad, seen, cold, rate } = events;
  const badInAttempt = new Array<boolean>(slis.length).fill(false);
  const first = stageAt(plan, session.from);
  let wasOn = first === 0 ? 0 : sideAt(plan, session, first - 1);
  for (let stage = first; stage < plan.percentages.length; stage += 1) {
    const [stageBegin, stageEnd] = spanOfStage(plan, stage);
    const begin = Math.max(session.from, stageBegin);
    const end = Math.min(session.to, stageEnd);
    if (begin >= end) break;
    const side = sideAt(plan, session, stage);
    add(rate, Math.floor(Math.max(0, begin) / tickSeconds) * 2 + side, session.rate);
    add(rate, Math.min(ticks, Math.floor(end / tickSeconds)) * 2 + side, -session.rate);
    const arrived = session.from >= stageBegin;
    const firstSeen = arrived ? begin : Math.max(0, begin) + exponential(random, 1 / session.rate);
    if (firstSeen < end) {
      const at = Math.floor(firstSeen / tickSeconds) * 2 + side;
      add(seen, at, 1);
      // The first stage moves sessions too, and an attempt that begins with it knows none of them.
      const moved = !arrived && side !== wasOn && (stage > 0 || plan.coldShare !== undefined);
      if (moved && random() < (plan.coldShare ?? 0)) {
        const age = stageBegin - Math.max(0, session.from);
        const unseen = Math.exp((-session.rate * age) / routers);
        const context = {
          slowMilliseconds: 300,
          firstAfterChange: true,
          knownBefore: random() >= unseen,
          settling: firstSeen < stageBegin + settleSeconds,
        };
        if (isTimed(context)) add(cold, at, 1);
        if (coldLine !== undefined && badSlis(coldLine, context).includes("slow")) {
          const slow = slis.indexOf("slow");
          count(bad, at, slow, true, badInAttempt[slow] !== true);
          badInAttempt[slow] = true;
        }
      }
    }
    for (const [index, sli] of slis.entries()) {
      let badInStage = false;
      for (const span of spansOf(plan, stage, sli === "failed")) {
        const chance = session.chance[sli] * span.ratio;
        const faulty = side === 1 && plan.fault?.sli === sli && isFaulty(plan, stage);
        const badRate =
          session.rate * Math.min(1, faulty ? chance * (plan.fault?.ratio ?? 1) : chance);
        if (badRate <= 0) continue;
        const to = Math.min(end, span.to);
        let at = Math.max(0, firstSeen, span.from) + exponential(random, 1 / badRate);
        for (; at < to; at += exponential(random, 1 / badRate)) {
          const tick = Math.floor(at / tickSeconds) * 2 + side;
          count(bad, tick, index, !badInStage, badInAttempt[index] !== true);
          badInStage = true;
          badInAttempt[index] = true;
        }
      }
    }
    wasOn = side;
  }
}

function sideAt({ percentages }: Plan, { bucket }: Session, stage: number): 0 | 1 {
  return bucket < (percentages[stage] ?? 0) ? 1 : 0;
}

function isFaulty({ fault, percentages }: Plan, stage: number): boolean {
  return fault !== undefined && (percentages[stage] ?? 0) >= fault.fromPercentage;
}

/** Parts of a stage with failures of both sides in the first minutes of each hour, and the parts between. */
function spansOf(
  plan: Plan,
  stage: number,
  concerned: boolean,
): { from: number; to: number; ratio: number }[] {
  const { outage, percentages } = plan;
  const [begin, end] = spanOfStage(plan, stage);
  if (!concerned || outage?.percentages.includes(percentages[stage] ?? 0) !== true) {
    return [{ from: begin, to: end, ratio: 1 }];
  }
  const spans = [];
  for (let hour = begin; hour < end; hour += 3600) {
    const over = hour + outage.minutes * 60;
    spans.push({ from: hour, to: over, ratio: outage.ratio });
    spans.push({ from: over, to: Math.min(end, hour + 3600), ratio: 1 });
  }
  return spans;
}

function count(
  bad: Int32Array,
  tickAndSide: number,
  sli: number,
  newInStage: boolean,
  newInAttempt: boolean,
): void {
  const at = (tickAndSide * slis.length + sli) * fieldsOfSli;
  add(bad, at, 1);
  if (newInStage) add(bad, at + 1, 1);
  if (newInAttempt) add(bad, at + 2, 1);
}

function add(array: Int32Array | Float64Array, index: number, value: number): void {
  array[index] = (array[index] ?? 0) + value;
}
