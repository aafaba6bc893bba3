import type { errorRows } from "../../scripts/conformance/error-rows.ts";
import type { Change, Exchange } from "./proxy.ts";

/** One deliberate fault: what it changes on which port, or the exit code of the process. */
export interface WrongServer {
  readonly data?: () => Change;
  readonly admin?: () => Change;
  readonly exitCode?: number;
}

type Body = Record<string, unknown>;
type When = (exchange: Exchange) => boolean;

const is =
  (method: string, path: RegExp): When =>
  (exchange) =>
    exchange.method === method && path.test(exchange.path);
const create = is("POST", /^\/v1\/programs$/);
const execute = is("POST", /^\/v1\/programs\/[^/]*\/execute$/);
const list = is("GET", /^\/v1\/programs(\?|$)/);
const answered =
  (when: When, status: number): When =>
  (exchange) =>
    when(exchange) && exchange.status === status;

function bodyOf(exchange: Exchange): Body {
  return JSON.parse(exchange.answerBody) as Body;
}

function requestOf(exchange: Exchange): Body {
  return JSON.parse(exchange.requestBody) as Body;
}

/** Changes answers that match. */
function answers(when: When, change: (exchange: Exchange) => void): () => Change {
  return () => ({
    after(exchange) {
      if (when(exchange)) change(exchange);
    },
  });
}

/** Changes the JSON of answers that match. */
function json(when: When, change: (body: Body, exchange: Exchange) => void): () => Change {
  return answers(when, (exchange) => {
    const body = bodyOf(exchange);
    change(body, exchange);
    exchange.answerBody = JSON.stringify(body);
  });
}

/** Changes requests that match. */
function requests(when: When, change: (exchange: Exchange) => void): () => Change {
  return () => ({
    before(exchange) {
      if (when(exchange)) change(exchange);
      return false;
    },
  });
}

function status(when: When, code: number): () => Change {
  return answers(when, (exchange) => (exchange.status = code));
}

function codeOf(exchange: Exchange): unknown {
  if (exchange.status < 400 || !exchange.answerBody.startsWith("{")) return undefined;
  return (bodyOf(exchange)["error"] as { code?: unknown }).code;
}

/** Puts an error into another category. */
function category(code: keyof typeof errorRows, when: When = () => true): WrongServer {
  return {
    data: json(
      (exchange) => codeOf(exchange) === code && when(exchange),
      (body) => ((body["error"] as Body)["category"] = "another"),
    ),
  };
}

const hasKey =
  (key: string): When =>
  ({ headers }) =>
    headers["idempotency-key"] === key;

/** Answers every request with this key as the first one, whoever sends it. */
function remembers(key: string, replayed: Record<string, string>): () => Change {
  return () => {
    let first: Pick<Exchange, "status" | "answerHeaders" | "answerBody"> | undefined;
    return {
      before(exchange) {
        if (!hasKey(key)(exchange) || !first) return false;
        Object.assign(exchange, first);
        exchange.answerHeaders = { ...first.answerHeaders, ...replayed };
        return true;
      },
      after(exchange) {
        const { answerHeaders, answerBody } = exchange;
        if (hasKey(key)(exchange)) first ??= { status: exchange.status, answerHeaders, answerBody };
      },
    };
  };
}

const metrics = is("GET", /^\/metrics$/);
const rewrite = (pattern: RegExp, text: string): (() => Change) =>
  answers(metrics, (exchange) => {
    exchange.answerBody = exchange.answerBody.replace(pattern, text);
  });

const readyz = is("GET", /^\/readyz$/);
const health = is("GET", /^\/v1\/health$/);
const startDrain = is("POST", /^\/admin\/drain$/);

/** For each rule one server that breaks it and nothing else. */
export const wrongServers: Readonly<Record<string, WrongServer>> = {
  create: { data: json(answered(create, 201), (body) => delete body["created_at"]) },
  "create-again": { data: json(answered(create, 200), (body) => (body["status"] = "created")) },
  "create-without-id": {
    data: json(answered(create, 201), (body, exchange) => {
      if (requestOf(exchange)["id"] === undefined) body["program_id"] = "not an id";
    }),
  },
  execute: { data: json(answered(execute, 200), (body) => delete body["execution_ms"]) },
  list: {
    data: json(answered(list, 200), (body) => {
      for (const program of body["programs"] as Body[]) delete program["execution_count"];
    }),
  },
  "list-unknown-session": {
    data: json(answered(list, 200), (body) => {
      if (body["total_count"] === 0) body["programs"] = [{ id: "ghost" }];
    }),
  },
  "list-pagination": {
    data: requests(list, (exchange) => {
      exchange.path = exchange.path.replace(/&cursor=.*/, "");
    }),
  },
  get: {
    data: json(answered(is("GET", /^\/v1\/programs\/\w+$/), 200), (body) => {
      delete body["program_id"];
    }),
  },
  delete: {
    data: json(answered(is("DELETE", /^\/v1\/programs\//), 200), (body) => {
      body["status"] = "removed";
    }),
  },
  "end-session": {
    data: json(answered(is("DELETE", /^\/v1\/session$/), 200), (body) => {
      body["programs_removed"] = 0;
    }),
  },
  "configure-lm": { data: status(is("PUT", /^\/v1\/session\/lm$/), 202) },
  "configure-lm-secret": {
    data: json(is("PUT", /^\/v1\/session\/lm$/), (body, exchange) => {
      body["api_key"] = requestOf(exchange)["api_key"];
    }),
  },
  health: { data: json(health, (body) => delete body["uptime_s"]) },
  "health-deep": { data: status(is("GET", /^\/v1\/health\?deep=true$/), 503) },
  "anonymous-session": {
    data: status((it) => list(it) && it.headers["x-session-id"] === undefined, 401),
  },
  "unknown-fields": {
    data: status((it) => create(it) && it.requestBody.includes("added_in_a_later"), 400),
  },
  "request-id-echo": {
    data: answers(
      ({ headers }) => headers["x-request-id"] !== undefined,
      (exchange) => (exchange.answerHeaders["x-request-id"] = "another"),
    ),
  },
  "request-id-generated": {
    data: answers(is("GET", /^\/v1\/programs\?limit=1$/), (exchange) => {
      exchange.answerHeaders["x-request-id"] = "always-the-same";
    }),
  },
  "pool-version": {
    data: answers(health, (exchange) => (exchange.answerHeaders["x-pool-version"] = "v3")),
  },
  "run-headers": { data: answers(execute, (it) => delete it.answerHeaders["x-worker-id"]) },
  "error-invalid-request": category("invalid_request", create),
  "error-invalid-session-id": category("invalid_request", (it) =>
    String(it.headers["x-session-id"]).includes(" "),
  ),
  "error-invalid-budget": category(
    "invalid_request",
    ({ headers }) => headers["x-request-timeout-ms"] !== undefined,
  ),
  "error-missing-program-id": category("missing_program_id"),
  "error-program-not-found": category("program_not_found"),
  "error-session-not-found": category("session_not_found"),
  "error-program-conflict": category("program_conflict"),
  "error-payload-too-large": category("payload_too_large"),
  "error-unsupported-media": category("unsupported_media"),
  "error-program-failed": category("program_failed"),
  "idempotency-replay": {
    data: answers(execute, (it) => delete it.answerHeaders["idempotent-replayed"]),
  },
  "idempotency-once": { data: requests(create, (it) => delete it.headers["idempotency-key"]) },
  "idempotency-per-session": { data: remembers("shared", { "idempotent-replayed": "true" }) },
  "idempotency-refusal": {
    data: requests(hasKey("refused"), (it) => delete it.headers["idempotency-key"]),
  },
  "idempotency-retryable": { data: remembers("retried", {}) },
  "error-idempotency-key-reused": category("idempotency_key_reused"),
  "error-request-in-progress": category("request_in_progress"),
  "session-isolation": {
    data: json(answered(list, 200), (body) => {
      const programs = body["programs"] as Body[];
      if (programs.some(({ id }) => id === "own-3")) programs.push({ id: "own-4" });
    }),
  },
  "session-order": {
    data: requests(create, (exchange) => {
      exchange.requestBody = exchange.requestBody.replace('"id":"p9"', '"id":"lost"');
    }),
  },
  livez: { admin: status(is("GET", /^\/livez$/), 500) },
  readyz: { admin: status(answered(readyz, 200), 204) },
  stats: { admin: json(is("GET", /^\/v1\/stats$/), (body) => delete body["p99_latency"]) },
  "metrics-names": { admin: rewrite(/pool_retries_total/g, "pool_repetitions_total") },
  "metrics-version": { admin: rewrite(/(pool_build_info\{.*),pool_version="v\d"/, "$1") },
  "metrics-buckets": { admin: rewrite(/le="0.2"/g, 'le="0.25"') },
  "metrics-count": {
    admin: rewrite(/(pool_requests_total\{operation="execute",code="404",.*\}) \d+/, "$1 7"),
  },
  "warm-up": { admin: status(is("POST", /^\/admin\/warmup$/), 200) },
  faults: { admin: status(answered(is("PUT", /^\/admin\/faults$/), 204), 200) },
  "error-internal": category("internal"),
  "error-operation-timeout": category("operation_timeout"),
  "error-checkout-timeout": category("checkout_timeout"),
  "error-queue-full": category("queue_full"),
  "error-worker-crashed": category("worker_crashed"),
  "kill-worker-recovery": losesWorkers(),
  "error-circuit-open": category("circuit_open"),
  drain: { admin: status(startDrain, 200) },
  "drain-repeated": {
    admin: () => {
      let repeated = 0;
      return json(startDrain, (body) => {
        const deadline = Date.parse(String(body["deadline"])) + ++repeated * 1000;
        body["deadline"] = new Date(deadline).toISOString();
      })();
    },
  },
  "drain-readyz": { admin: status(readyz, 200) },
  "drain-under-load": {
    data: () => {
      let refused = 0;
      return {
        after(exchange) {
          if (codeOf(exchange) !== "draining" || refused++ > 0) return;
          exchange.answerBody = "{}";
          exchange.status = 500;
        },
      };
    },
  },
  "error-draining": category("draining"),
  sigterm: { exitCode: 1 },
};

/** Shows one worker less after each that was killed. */
function losesWorkers(): WrongServer {
  let killed = 0;
  const reset = (): void => {
    killed = 0;
  };
  return {
    admin: () => {
      reset();
      return {
        after(exchange) {
          if (exchange.requestBody.includes('"kill_worker":true')) killed += 1;
        },
      };
    },
    data: json(health, (body) => {
      const workers = body["workers"] as Record<string, number>;
      workers["ready"] = Math.max(0, (workers["ready"] ?? 0) - killed);
    }),
  };
}
