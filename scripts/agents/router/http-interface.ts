import type * as http from "node:http";
import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import { directBrakePath } from "../../../infra/rollout/direct-brake.ts";
import {
  evidencePath,
  evidenceQuestionLimit,
  evidenceQuestionSchema,
} from "../../../infra/rollout/evidence/protocol.ts";
import type { EvidenceQuestion } from "../../../infra/rollout/evidence/protocol.ts";
import {
  metricsType,
  onlyReads,
  readJsonBody,
  serveAnswers,
  showsToken,
} from "../lib/http-server.ts";
import type { Answer } from "../lib/http-server.ts";
import type { DirectBrake } from "./direct-brake.ts";
import { answerDirectBrake } from "./direct-brake.ts";

/** What the interface shows. */
export interface HttpInterfaceOptions {
  readonly address: string;
  readonly port: number;
  readonly token: string;
  /** The direct brake; absent where it has no token. */
  readonly brake: DirectBrake | undefined;
  readonly report: () => AgentReport;
  /** Answer to a guard, JSON. */
  readonly evidence: (question: EvidenceQuestion) => Promise<string>;
  readonly metrics: () => Promise<string>;
  /** Whether Envoy may start. */
  readonly started: () => boolean;
}

/**
 * The agent's HTTP interface: `/report`, `/metrics` and `POST /evidence` with the token, `/startup` and `/livez`
 * without, and `POST /brake` with a token of its own.
 *
 * @returns the server, listening
 */
export function serveHttp(options: HttpInterfaceOptions): Promise<http.Server> {
  return serveAnswers(options, (request, path) => answer(options, request, path));
}

async function answer(
  options: HttpInterfaceOptions,
  request: http.IncomingMessage,
  path: string,
): Promise<Answer> {
  if (path === directBrakePath) return brake(options, request);
  if (path === evidencePath) return evidence(options, request);
  if (!onlyReads(request)) return [405, "only GET\n"];
  switch (path) {
    case "/livez":
      return [200, "ok\n"];
    case "/startup":
      return options.started()
        ? [200, "ok\n"]
        : [503, "the first files are not validated and written yet\n"];
    case "/report":
    case "/metrics":
      break;
    default:
      return [404, "there are /report, /metrics, /evidence, /startup, /livez and /brake\n"];
  }
  if (!showsToken(request, options.token)) return noToken;
  return path === "/metrics"
    ? [200, await options.metrics(), metricsType]
    : [200, `${JSON.stringify(options.report())}\n`, "application/json"];
}

const noToken: Answer = [401, "the agent's token is missing or wrong\n"];

/** Tells a guard what it has not got yet. */
async function evidence(
  options: HttpInterfaceOptions,
  request: http.IncomingMessage,
): Promise<Answer> {
  if (request.method !== "POST") return [405, "only POST: this takes the attempt in force\n"];
  if (!showsToken(request, options.token)) return noToken;
  const body = await readJsonBody(request, evidenceQuestionLimit);
  const parsed = evidenceQuestionSchema.safeParse(body === "tooLong" ? undefined : body.value);
  if (!parsed.success) return [400, "send JSON with after and, where it is known, attempt\n"];
  return [200, await options.evidence(parsed.data), "application/json"];
}

/** Engages the brake; nothing here releases it. */
async function brake(
  { brake: direct }: HttpInterfaceOptions,
  request: http.IncomingMessage,
): Promise<Answer> {
  if (direct === undefined) {
    return [404, "no direct brake: the stack's configuration has no router.brakeToken\n"];
  }
  if (request.method !== "POST") return [405, "only POST: this engages the brake\n"];
  if (!showsToken(request, direct.token)) {
    return [401, "the token of the direct brake is missing or wrong\n"];
  }
  return answerDirectBrake(direct, request);
}
