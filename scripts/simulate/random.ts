/** Source of pseudo-random numbers: uniform from 0 to below 1. */
export type Random = () => number;

/**
 * The generator sfc32 (Doty-Humphrey, PractRand), seeded so that each pair of seed and index has a sequence of its
 * own: the same on every machine.
 */
export function randomFrom(seed: number, index: number): Random {
  let [a, b, c, counter] = [seed | 0, index | 0, 0x9e3779b9, 1];
  const next = () => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return (sum >>> 0) / 4_294_967_296;
  };
  for (let warmUp = 0; warmUp < 16; warmUp += 1) next();
  return next;
}

/** Exponential number with a mean. */
export function exponential(random: Random, mean: number): number {
  return -mean * Math.log(1 - random());
}

/** Standard normal number (Box and Muller 1958). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** Poisson number: by products up to a mean of 30, above that by the normal approximation. */
export function poisson(random: Random, mean: number): number {
  if (mean <= 0) return 0;
  if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal(random)));
  const limit = Math.exp(-mean);
  let count = -1;
  for (let product = 1; product > limit; count += 1) product *= random();
  return count;
}
