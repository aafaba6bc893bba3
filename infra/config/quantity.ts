const factors: Readonly<Record<string, number>> = {
  m: 1e-3,
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/**
 * Number that a Kubernetes quantity stands for: cores or bytes
 * (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/).
 *
 * @throws RangeError when the text is none that the configuration accepts
 */
export function quantityValue(text: string): number {
  const [, digits, unit] = /^([0-9]+(?:\.[0-9]+)?)(m|[kMGT]|[KMGT]i)?$/.exec(text) ?? [];
  const factor = factors[unit ?? ""];
  if (digits === undefined || factor === undefined) {
    throw new RangeError(
      `"${text}" is no quantity: use a number with m, k, M, G, T, Ki, Mi, Gi or Ti.`,
    );
  }
  return Number(digits) * factor;
}
