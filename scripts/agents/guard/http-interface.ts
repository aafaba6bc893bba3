import type * as http from "node:http";
import type { GuardReport } from "../../../infra/rollout/guard-report.ts";
import { metricsType, onlyReads, serveAnswers, showsToken } from "../lib/http-server.ts";
import type { Answer } from "../lib/http-server.ts";

/** What a guard shows. */
export interface GuardInterfaceOptions {
  readonly address: string;
  readonly port: number;
  readonly token: string;
  /** Undefined before the first evaluation. */
  readonly report: () => GuardReport | undefined;
  readonly metrics: () => Promise<string>;
}

/**
 * The guard's HTTP interface: `/report` and `/metrics` with the agents' token, `/livez` and `/readyz` without. Nothing in
 * it changes anything.
 *
 * @returns the server, listening
 */
export function serveGuard(options: GuardInterfaceOptions): Promise<http.Server> {
  return serveAnswers(options, (request, path) => answer(options, request, path));
}

async function answer(
  { token, report, metrics }: GuardInterfaceOptions,
  request: http.IncomingMessage,
  path: string,
): Promise<Answer> {
  if (!onlyReads(request)) return [405, "only GET\n"];
  const notYet: Answer = [503, "nothing was evaluated yet\n"];
  if (path === "/livez") return [200, "ok\n"];
  if (path === "/readyz") return report() === undefined ? notYet : [200, "ok\n"];
  if (path !== "/report" && path !== "/metrics") {
    return [404, "there are /report, /metrics, /livez and /readyz\n"];
  }
  if (!showsToken(request, token)) return [401, "the agents' token is missing or wrong\n"];
  if (path === "/metrics") return [200, await metrics(), metricsType];
  const now = report();
  return now === undefined ? notYet : [200, `${JSON.stringify(now)}\n`, "application/json"];
}
