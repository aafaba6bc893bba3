/** The five operations of the pool contract. */
export const operations = ["create", "execute", "list", "delete", "health"] as const;

/** One operation of the pool contract. */
export type Operation = (typeof operations)[number];

/** What decides which requests a load consists of. The same shape always gives the same plan. */
export interface LoadShape {
  /** Any integer; two plans with the same seed are equal. */
  readonly seed: number;
  /** Mean arrivals a second, above 0. */
  readonly rate: number;
  /** Sessions among which the arrivals are spread, unequally. */
  readonly sessions: number;
  /** Spread of the sessions' sizes: standard deviation of the logarithm; 0 = all equal. */
  readonly sizeSpread: number;
  /** Share of requests without a session, 0 to 1. */
  readonly anonymousShare: number;
  /** Share of executes whose program fails for its input, 0 to 1: the same small rate on both sides. */
  readonly failingShare: number;
  /** Share of creates and executes that carry an Idempotency-Key, 0 to 1. Deletes always do. */
  readonly keyedShare: number;
  /** Relative frequency of the operations. */
  readonly mix: Readonly<Record<Operation, number>>;
}

/** The load of a rehearsal. The rate leaves most of a machine with two cores to the stack's updates. */
export const defaultShape: LoadShape = {
  seed: 1,
  rate: 60,
  sessions: 3000,
  sizeSpread: 1.2,
  anonymousShare: 0.06,
  failingShare: 0.004,
  keyedShare: 0.4,
  mix: { create: 5, execute: 50, list: 20, delete: 4, health: 21 },
};

/** A request as planned, before anything is sent. */
export interface Arrival {
  /** When to send it, milliseconds since the load began. */
  readonly atMs: number;
  /** Number of the session, from 0; undefined = anonymous. */
  readonly session: number | undefined;
  /** An execute or a delete becomes a create while its session has no program. */
  readonly operation: Operation;
  readonly keyed: boolean;
  /** Chooses among the programs of the session, 0 to below 1. */
  readonly draw: number;
  /** An execute sends an input with which its program cannot work: either pool answers 424. */
  readonly fails: boolean;
}

/**
 * The endless plan of a load: Poisson arrivals whose times depend on nothing but the shape, so that a
 * slow answer delays no later request.
 */
export function* planArrivals(shape: LoadShape): Generator<Arrival, never> {
  const random = randomNumbers(shape.seed);
  const chooseSession = weightedChoice(sessionSizes(shape, random));
  const chooseOperation = weightedChoice(operations.map((operation) => shape.mix[operation]));
  for (let atMs = 0; ;) {
    atMs += (-Math.log(1 - random()) / shape.rate) * 1000;
    const anonymous = random() < shape.anonymousShare;
    const session = chooseSession(random());
    const operation = operations[chooseOperation(random())] ?? "health";
    const keyed = random() < shape.keyedShare;
    yield {
      atMs,
      session: anonymous ? undefined : session,
      operation,
      keyed: operation === "delete" || keyed,
      draw: random(),
      fails: random() < shape.failingShare,
    };
  }
}

/** Log-normal sizes: a few sessions make a good part of the requests, many make one or two. */
function sessionSizes(shape: LoadShape, random: () => number): number[] {
  return Array.from({ length: shape.sessions }, () => {
    // Box-Muller: two uniform numbers give a normal one.
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return Math.exp(shape.sizeSpread * normal);
  });
}

/** Maps a uniform number to an index, each with the probability of its weight. */
function weightedChoice(weights: readonly number[]): (draw: number) => number {
  const cumulative: number[] = [];
  let total = 0;
  for (const weight of weights) cumulative.push((total += weight));
  return (draw) => {
    const wanted = draw * total;
    let low = 0;
    let high = cumulative.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((cumulative[middle] ?? total) <= wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

/** Uniform numbers from 0 to below 1: xorshift32 (G. Marsaglia, Xorshift RNGs, 2003). */
function randomNumbers(seed: number): () => number {
  // Zero is the generator's fixed point; the factor spreads neighbouring seeds.
  let state = Math.imul(seed, 0x9e3779b1) | 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let warmUp = 0; warmUp < 16; warmUp++) next();
  return next;
}
