import { randomBytes } from "node:crypto";

const pattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** A span of this pool within the caller's trace (https://www.w3.org/TR/trace-context/). */
export interface Span {
  readonly traceId: string;
  readonly parentId: string | undefined;
  readonly spanId: string;
  /** Value of the `traceparent` header that names this span. */
  readonly header: string;
}

/** Begins a span: a child of the caller's where its header can be read, else a trace of its own. */
export function beginSpan(traceparent: string | undefined): Span {
  const [, traceId = randomBytes(16).toString("hex"), parentId, flags = "01"] =
    pattern.exec(traceparent ?? "") ?? [];
  const spanId = randomBytes(8).toString("hex");
  return { traceId, parentId, spanId, header: `00-${traceId}-${spanId}-${flags}` };
}
