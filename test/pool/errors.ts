import type { PoolVersion } from "./settings.ts";

interface ErrorKind {
  readonly status: number;
  readonly category: string;
  /** Whether the same request with the same Idempotency-Key may be sent again. */
  readonly retryable: boolean;
}

const errorKinds = {
  invalid_request: { status: 400, category: "validation", retryable: false },
  missing_program_id: { status: 400, category: "validation", retryable: false },
  program_not_found: { status: 404, category: "session", retryable: false },
  session_not_found: { status: 404, category: "session", retryable: false },
  program_conflict: { status: 409, category: "session", retryable: false },
  request_in_progress: { status: 409, category: "concurrency", retryable: true },
  payload_too_large: { status: 413, category: "validation", retryable: false },
  unsupported_media: { status: 415, category: "validation", retryable: false },
  idempotency_key_reused: { status: 422, category: "validation", retryable: false },
  program_failed: { status: 424, category: "python", retryable: false },
  queue_full: { status: 429, category: "resource", retryable: true },
  internal: { status: 500, category: "system", retryable: false },
  worker_crashed: { status: 502, category: "connection", retryable: true },
  protocol_error: { status: 502, category: "communication", retryable: true },
  pool_unavailable: { status: 503, category: "resource", retryable: true },
  draining: { status: 503, category: "resource", retryable: true },
  circuit_open: { status: 503, category: "breaker", retryable: true },
  not_ready: { status: 503, category: "resource", retryable: true },
  checkout_timeout: { status: 504, category: "timeout", retryable: true },
  operation_timeout: { status: 504, category: "timeout", retryable: true },
} as const satisfies Record<string, ErrorKind>;

/** Error codes of the pool contract. */
export type ErrorCode = keyof typeof errorKinds;

/** A refusal that the pool answers with the error body of the contract. */
export class PoolError extends Error {
  readonly code: ErrorCode;
  /** Seconds for the Retry-After header, where a later attempt may succeed. */
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, retryAfterSeconds?: number) {
    super(message);
    this.name = "PoolError";
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** HTTP status of this error. */
  get status(): number {
    return errorKinds[this.code].status;
  }

  /** Whether the same request with the same Idempotency-Key may be sent again. */
  get retryable(): boolean {
    return errorKinds[this.code].retryable;
  }

  /** The `error` member of the response body. */
  get detail(): Record<string, unknown> {
    return {
      code: this.code,
      category: errorKinds[this.code].category,
      message: this.message,
      retryable: this.retryable,
      ...(this.retryAfterSeconds === undefined
        ? {}
        : { retry_after_ms: Math.round(this.retryAfterSeconds * 1000) }),
    };
  }
}

/** The whole error body for one request. */
export function errorBody(
  error: PoolError,
  requestId: string,
  version: PoolVersion,
): Record<string, unknown> {
  return { error: error.detail, request_id: requestId, pool_version: version };
}
