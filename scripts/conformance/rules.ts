import type { Rule } from "./rule.ts";
import { adminRules } from "./rules/admin.ts";
import { drainRules } from "./rules/drain.ts";
import { headerRules } from "./rules/headers.ts";
import { idempotencyRules } from "./rules/idempotency.ts";
import { operationRules } from "./rules/operations.ts";
import { overloadRules } from "./rules/overload.ts";
import { requestErrorRules } from "./rules/requests.ts";
import { sessionRules } from "./rules/sessions.ts";

/** Every rule, in the order in which results are shown; the last one ends the pool. */
export const rules: readonly Rule[] = [
  ...operationRules,
  ...headerRules,
  ...requestErrorRules,
  ...idempotencyRules,
  ...sessionRules,
  ...adminRules,
  ...overloadRules,
  ...drainRules,
];
