const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** A whole number for people: 6,467. */
export function formatCount(count: number): string {
  return grouped.format(count);
}

/** An e-value for people: whole numbers up to a million, above that powers of ten. */
export function formatEValue(logarithm: number): string {
  if (logarithm > Math.log(1e6)) return `10^${Math.floor(logarithm / Math.LN10).toString()}`;
  const value = Math.exp(logarithm);
  return value < 10 ? value.toPrecision(2) : formatCount(Math.floor(value));
}

/** A ratio for people. */
export function formatRatio(ratio: number): string {
  return ratio < 10 ? ratio.toFixed(1) : formatCount(ratio);
}

/** A share for people, per cent. */
export function formatPercent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
