import type { Side } from "./decision.ts";
import type { HashedId, RetryClass } from "./route-table.ts";
import { parseRolloutHeader } from "./rollout-record.ts";

/** One request as the router's decision log tells it. */
export interface DecisionLine {
  /** `x-request-id`, the caller's or the router's; empty where a broken request had none. */
  readonly requestId: string;
  /** Session header as received, cut after 129 characters (one more than counts); absent where there was none. */
  readonly sessionId: string | undefined;
  /** Side that bucket and percentage chose; absent for override routes and for requests that met no route. */
  readonly decided: Side | undefined;
  /** Side of the host that answered, or that the last attempt chose; absent where no host was found. */
  readonly served: Side | undefined;
  /** Decided for V2 and served by V1. */
  readonly fallback: boolean;
  /** Side that the override header asked for; absent for all other requests. */
  readonly override: Side | undefined;
  /** Revision that decided; absent where the request met no route. */
  readonly revision: string | undefined;
  /** Percentage that decided, 0 to 100; absent where the request met no route. */
  readonly percentage: number | undefined;
  /** Which id decided; absent where none did. */
  readonly hashed: HashedId | undefined;
  /** What might have been repeated; absent for override routes. */
  readonly retryClass: RetryClass | undefined;
  /** Attempts upstream; 0 where none was made. */
  readonly attempts: number;
  /** HTTP status; 0 where nothing was answered. */
  readonly status: number;
  /** Envoy's response flags, comma-separated, empty where there were none. */
  readonly flags: string;
  /** Begin of the request, milliseconds since 1970. */
  readonly startTime: number;
  /** Milliseconds from the request's first byte to the answer's last. */
  readonly durationMs: number;
}

/**
 * Fields of a line, in Envoy's command operators. Route names carry revision and percentage, because metadata of the
 * route in the log costs several times as much (measured).
 *
 * @param sessionHeader request header that holds the session id
 */
export function decisionLogFormat(sessionHeader: string): Readonly<Record<string, string>> {
  return {
    event: "routing_decision",
    ts: "%START_TIME%",
    method: "%REQ(:METHOD)%",
    path: "%PATH(NQ):256%",
    request_id: "%REQ(X-REQUEST-ID)%",
    session_id: `%REQ(${sessionHeader.toUpperCase()}):129%`,
    route: "%ROUTE_NAME%",
    arm: "%UPSTREAM_CLUSTER%",
    served: "%UPSTREAM_METADATA(rollout:implementation)%",
    host: "%UPSTREAM_HOST%",
    attempts: "%UPSTREAM_REQUEST_ATTEMPT_COUNT%",
    status: "%RESPONSE_CODE%",
    flags: "%RESPONSE_FLAGS%",
    details: "%RESPONSE_CODE_DETAILS%",
    ms: "%DURATION%",
  };
}

/** Decided side by arm; `worker-v2` alone is the arm of stage `retired`. */
const sideOfArm: Readonly<Record<string, Side>> = {
  "worker-v2-then-v1": "v2",
  "worker-v1": "v1",
  "worker-v2": "v2",
};

const routeName = /^(?:split-(session|request)-(safe|keyed|once)|override-(v1|v2));(.+)$/;

/** Reads a line of the decision log; undefined when it is not one. */
export function parseDecisionLine(line: string): DecisionLine | undefined {
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  if (fields?.["event"] !== "routing_decision") return undefined;
  const startTime = Date.parse(text(fields["ts"]));
  const durationMs = fields["ms"];
  const status = fields["status"];
  if (Number.isNaN(startTime) || typeof durationMs !== "number" || typeof status !== "number") {
    return undefined;
  }
  const [, hashed, retryClass, override, rest] = routeName.exec(text(fields["route"])) ?? [];
  const header = rest === undefined ? undefined : parseRolloutHeader(rest);
  const decided = hashed === undefined ? undefined : sideOfArm[text(fields["arm"])];
  const served = sideOf(fields["served"]);
  const sessionId = fields["session_id"];
  const attempts = fields["attempts"];
  return {
    requestId: text(fields["request_id"]),
    sessionId: typeof sessionId === "string" ? sessionId : undefined,
    decided,
    served,
    fallback: decided === "v2" && served === "v1",
    override: sideOf(override),
    revision: header?.revision,
    percentage: header?.percentage,
    hashed: hashed as HashedId | undefined,
    retryClass: retryClass as RetryClass | undefined,
    attempts: typeof attempts === "number" ? attempts : 0,
    status,
    flags: text(fields["flags"]).replace(/^-$/, ""),
    startTime,
    durationMs,
  };
}

/**
 * Response flags that stand for an attempt without a complete answer of the pool
 * (https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage#response-flags).
 */
const failureFlags: ReadonlySet<string> = new Set([
  "LR",
  "NC",
  "SI",
  "UC",
  "UF",
  "UH",
  "UMSDR",
  "UO",
  "UPE",
  "UR",
  "URX",
  "UT",
]);

/**
 * Whether a request is a failure of its decided side: 5xx, 429, no answer, a reset, more than one attempt, or served
 * as fallback. With retries onto the other pool the status alone hides a dead V2 completely.
 */
export function isFailedDecision(
  line: Pick<DecisionLine, "status" | "attempts" | "fallback" | "flags">,
): boolean {
  return (
    line.status >= 500 ||
    line.status === 429 ||
    line.status === 0 ||
    line.attempts > 1 ||
    line.fallback ||
    (line.flags !== "" && line.flags.split(",").some((flag) => failureFlags.has(flag)))
  );
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function sideOf(value: unknown): Side | undefined {
  return value === "v1" || value === "v2" ? value : undefined;
}
