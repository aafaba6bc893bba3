/** Logarithm of the mean of numbers that are given as logarithms, without overflow. */
export function logMeanExp(logarithms: readonly number[]): number {
  let largest = -Infinity;
  for (const value of logarithms) if (value > largest) largest = value;
  let sum = 0;
  for (const value of logarithms) sum += Math.exp(value - largest);
  return largest + Math.log(sum / logarithms.length);
}
