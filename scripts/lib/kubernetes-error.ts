/**
 * What became of a request to the Kubernetes API server, as far as a caller has to act on it:
 *
 * - `noAnswer`: nothing came back (no connection, TLS failure, time limit, a cut answer). The
 *   request may or may not have been carried out.
 * - `refused`: 401 or 403. The server lives, but these credentials may not do this.
 * - `notFound`: 404 from a live server; the object (or its kind) is not there.
 * - `conflict`: 409. The object exists already, or changed meanwhile.
 * - `expired`: 410. The resource version asked for is no longer kept; list again.
 * - `invalid`: any other 4xx. Repeating the same request cannot help.
 * - `unavailable`: 429 or 5xx. The server answers, but cannot serve now; repeating may help.
 */
export type KubernetesFailure =
  "noAnswer" | "refused" | "notFound" | "conflict" | "expired" | "invalid" | "unavailable";

/** A request to the Kubernetes API server that did not succeed. */
export class KubernetesError extends Error {
  override readonly name = "KubernetesError";
  /** The class of failure that decides what a caller does next. */
  readonly failure: KubernetesFailure;
  /** HTTP status, absent when there was no answer. */
  readonly status: number | undefined;

  constructor(failure: KubernetesFailure, message: string, status?: number, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.failure = failure;
    this.status = status;
  }
}

/** True if `error` is a KubernetesError of the given failure. */
export function isFailure(error: unknown, failure: KubernetesFailure): error is KubernetesError {
  return error instanceof KubernetesError && error.failure === failure;
}

/** The failure that an HTTP status of 400 or more stands for. */
export function failureOfStatus(status: number): KubernetesFailure {
  if (status === 401 || status === 403) return "refused";
  if (status === 404) return "notFound";
  if (status === 409) return "conflict";
  if (status === 410) return "expired";
  if (status === 429 || status >= 500) return "unavailable";
  return "invalid";
}
