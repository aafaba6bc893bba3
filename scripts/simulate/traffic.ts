import type { Sli } from "../../infra/rollout/evidence/slis.ts";
import { exponential, normal } from "./random.ts";
import type { Random } from "./random.ts";

/** Kind of sessions: `unequal` = 2 % of them fail 20 % of their requests; `lognormal` = these with unequal request rates as well; `tenants` = these that stay for the whole migration. */
export type Population = "alike" | "unequal" | "lognormal" | "tenants";

/** Traffic of a simulated migration. */
export interface Traffic {
  readonly population: Population;
  /** Sessions that live at one time. */
  readonly liveSessions: number;
  readonly requestsPerMinute: number;
  /** Mean life of a session, minutes. */
  readonly meanLifeMinutes: number;
}

/** A session: one unit of evidence. */
export interface Session {
  /** Bucket, 0 to 99: on V2 iff below the percentage. */
  readonly bucket: number;
  /** Begin and end, seconds from the begin of the migration; it may have begun before. */
  readonly from: number;
  readonly to: number;
  /** Requests a second. */
  readonly rate: number;
  /** Chance of each request to be bad on V1. */
  readonly chance: Readonly<Record<Sli, number>>;
}

/** Chances of a request of an even session to be bad. */
const evenChance = { failed: 0.005, slow: 0.01, stuck: 0.0001, wrong: 0.0005, notFound: 0.01 };
/** Chances in a population of which 2 % fail 20 % of their requests. */
const goodChance = { ...evenChance, failed: 0.001, slow: 0.005 };
const badChance = { ...evenChance, failed: 0.2, slow: 0.2, notFound: 0.2 };
const badShare = 0.02;

/** Spread of request rates: standard deviation of the logarithm. */
const logDeviation = 1;

/** All sessions of a migration: a stationary flow of arrivals, or tenants that are always there. */
export function* sessionsOf(
  { population, liveSessions, requestsPerMinute, meanLifeMinutes }: Traffic,
  seconds: number,
  random: Random,
): Generator<Session> {
  const meanRate = requestsPerMinute / 60 / liveSessions;
  const uneven = population === "lognormal" || population === "tenants";
  const life = meanLifeMinutes * 60;
  const session = (from: number, to: number): Session => ({
    bucket: Math.floor(random() * 100),
    from,
    to,
    rate: uneven
      ? meanRate * Math.exp(logDeviation * normal(random) - logDeviation ** 2 / 2)
      : meanRate,
    chance: population === "alike" ? evenChance : random() < badShare ? badChance : goodChance,
  });
  for (let index = 0; index < liveSessions; index += 1) {
    yield session(-1, population === "tenants" ? seconds : exponential(random, life));
  }
  if (population === "tenants") return;
  const gap = life / liveSessions;
  for (let at = exponential(random, gap); at < seconds; at += exponential(random, gap)) {
    yield session(at, at + exponential(random, life));
  }
}
