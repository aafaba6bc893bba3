/**
 * Upper confidence bound of a share, exact (Clopper and Pearson 1934): the largest share at which as few as `events`
 * in `trials` still have a probability of 1 - `confidence`. One-sided.
 *
 * @param confidence 0.95 for 95 %
 */
export function upperBound(events: number, trials: number, confidence = 0.95): number {
  if (events >= trials) return 1;
  let [low, high] = [0, 1];
  for (let step = 0; step < 60; step += 1) {
    const middle = (low + high) / 2;
    if (atMost(events, trials, middle) > 1 - confidence) low = middle;
    else high = middle;
  }
  return high;
}

/** Probability of at most `events` in `trials`. */
function atMost(events: number, trials: number, share: number): number {
  const odds = Math.log(share) - Math.log1p(-share);
  let logTerm = trials * Math.log1p(-share);
  let sum = Math.exp(logTerm);
  for (let k = 1; k <= events; k += 1) {
    logTerm += odds + Math.log((trials - k + 1) / k);
    sum += Math.exp(logTerm);
  }
  return sum;
}
