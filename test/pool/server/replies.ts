import { errorBody, PoolError } from "../errors.ts";
import type { PoolVersion } from "../settings.ts";

/** What is sent back. */
export interface Reply {
  readonly status: number;
  readonly body: object;
  readonly headers: Record<string, string>;
}

/** The answer to an error; one that nobody foresaw is `internal` and goes to the log. */
export function replyToError(error: unknown, requestId: string, version: PoolVersion): Reply {
  const known =
    error instanceof PoolError ? error : new PoolError("internal", "The pool failed unexpectedly.");
  if (known !== error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    console.error(JSON.stringify({ event: "error", error: text }));
  }
  const { retryAfterSeconds } = known;
  return {
    status: known.status,
    body: errorBody(known, requestId, version),
    headers:
      retryAfterSeconds === undefined
        ? {}
        : { "retry-after": String(Math.ceil(retryAfterSeconds)) },
  };
}
