/** One row of the contract's error table. */
export interface ErrorRow {
  readonly status: number;
  readonly category: string;
  readonly retryable: boolean;
  /** Whether the answer says when to come back. */
  readonly retryAfter?: true;
}

/** Errors of the contract that can be caused from outside. */
export const errorRows = {
  invalid_request: { status: 400, category: "validation", retryable: false },
  missing_program_id: { status: 400, category: "validation", retryable: false },
  program_not_found: { status: 404, category: "session", retryable: false },
  session_not_found: { status: 404, category: "session", retryable: false },
  program_conflict: { status: 409, category: "session", retryable: false },
  request_in_progress: { status: 409, category: "concurrency", retryable: true, retryAfter: true },
  payload_too_large: { status: 413, category: "validation", retryable: false },
  unsupported_media: { status: 415, category: "validation", retryable: false },
  idempotency_key_reused: { status: 422, category: "validation", retryable: false },
  program_failed: { status: 424, category: "python", retryable: false },
  queue_full: { status: 429, category: "resource", retryable: true, retryAfter: true },
  internal: { status: 500, category: "system", retryable: false },
  worker_crashed: { status: 502, category: "connection", retryable: true },
  draining: { status: 503, category: "resource", retryable: true, retryAfter: true },
  circuit_open: { status: 503, category: "breaker", retryable: true, retryAfter: true },
  checkout_timeout: { status: 504, category: "timeout", retryable: true },
  operation_timeout: { status: 504, category: "timeout", retryable: true },
} as const satisfies Record<string, ErrorRow>;
