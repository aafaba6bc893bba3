import { z } from "zod";
import type { Answer } from "./client.ts";
import { errorRows, type ErrorRow } from "./error-rows.ts";
import { Violation } from "./rule.ts";

/** @throws Violation unless the condition holds. */
export function demand(condition: boolean, violation: string): asserts condition {
  if (!condition) throw new Violation(violation);
}

/** @throws Violation unless the answer has one of these statuses. */
export function demandStatus(answer: Answer, ...statuses: number[]): void {
  if (statuses.includes(answer.status)) return;
  const shown = answer.text.length > 200 ? `${answer.text.slice(0, 200)}…` : answer.text;
  throw new Violation(`status ${answer.status} instead of ${statuses.join(" or ")}: ${shown}`);
}

/** @throws Violation unless the answer has the status and a JSON body of the shape. */
export function demandBody<T>(answer: Answer, status: number, shape: z.ZodType<T>): T {
  demandStatus(answer, status);
  const type = answer.headers.get("content-type") ?? "none";
  demand(/^application\/json\b/i.test(type), `content-type is ${type}`);
  const parsed = shape.safeParse(answer.json);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(
    ({ path, message }) => `${path.join(".") || "body"}: ${message}`,
  );
  throw new Violation(problems.join("; "));
}

const errorBody = z.looseObject({
  error: z.looseObject({
    code: z.string(),
    category: z.string(),
    message: z.string().min(1),
    retryable: z.boolean(),
    retry_after_ms: z.number().min(0).optional(),
  }),
  request_id: z.string().min(1),
  pool_version: z.enum(["v1", "v2"]),
});

/** @throws Violation unless the answer is the error of the contract's row. */
export function demandError(answer: Answer, code: keyof typeof errorRows): void {
  const row: ErrorRow = errorRows[code];
  const { error, request_id } = demandBody(answer, row.status, errorBody);
  demand(error.code === code, `code ${error.code} instead of ${code}`);
  demand(error.category === row.category, `category ${error.category} instead of ${row.category}`);
  demand(error.retryable === row.retryable, `retryable is ${error.retryable}`);
  const echoed = answer.headers.get("x-request-id");
  demand(request_id === echoed, `request_id ${request_id} is not X-Request-Id ${echoed}`);
  if (!row.retryAfter) return;
  const after = answer.headers.get("retry-after");
  demand(/^\d+$/.test(after ?? ""), `Retry-After is ${after ?? "missing"}`);
}
