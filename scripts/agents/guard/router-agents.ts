import { Resolver } from "node:dns/promises";
import * as http from "node:http";
import { isIP } from "node:net";
import { directBrakePath } from "../../../infra/rollout/direct-brake.ts";
import type { DirectBrakeRequest } from "../../../infra/rollout/direct-brake.ts";
import type { AgentReport } from "../../../infra/rollout/agent-report.ts";
import { agentReportSchema } from "../../../infra/rollout/agent-report.ts";
import { evidenceAnswerSchema, evidencePath } from "../../../infra/rollout/evidence/protocol.ts";
import type { EvidenceAnswer, EvidenceQuestion } from "../../../infra/rollout/evidence/protocol.ts";

/** Longest answer, bytes: agents tell half a MiB of records at once. */
const answerLimit = 8 * 1024 * 1024;

/** Longest wait for an answer, milliseconds; agents answer from memory. */
const answerPatience = 900;

/** An agent answered, and not with what it was asked for. */
class StatusError extends Error {
  readonly status: number;

  constructor(status: number, text: string) {
    super(`status ${status}: ${text}`);
    this.status = status;
  }
}

/** Where the router-agents are and how they are asked. */
export interface RouterAgentsOptions {
  /** Name whose addresses are theirs, or the addresses, separated by commas. */
  readonly host: string;
  readonly port: number;
  /** Token of their interface. */
  readonly token: string;
  /** Token of the direct brake; without it they take none. */
  readonly brakeToken: string | undefined;
}

/** Finds the router-agents by name, and asks them. */
export class RouterAgents {
  private readonly options: RouterAgentsOptions;
  private readonly resolver = new Resolver({ timeout: 500, tries: 2 });
  private readonly connections = new http.Agent({ keepAlive: true, maxSockets: 2 });
  private known: readonly string[] = [];

  constructor(options: RouterAgentsOptions) {
    this.options = options;
  }

  /** Whether they take the direct brake. */
  get takeBrake(): boolean {
    return this.options.brakeToken !== undefined;
  }

  /** Addresses (`http://<address>:<port>`), sorted; while names cannot be resolved those that were known last. */
  async addresses(): Promise<readonly string[]> {
    const { host, port } = this.options;
    const given = host.split(",");
    const found = given.every((one) => isIP(one) !== 0) ? given : await this.resolve(host);
    this.known = found?.map((address) => urlOf(address, port)).sort() ?? this.known;
    return this.known;
  }

  /** What an agent knows of the attempt. */
  async evidence(url: string, question: EvidenceQuestion): Promise<EvidenceAnswer> {
    const { token } = this.options;
    const call = { url: url + evidencePath, method: "POST", token, body: question } as const;
    return evidenceAnswerSchema.parse(await this.json(call));
  }

  /** An agent's report. */
  async report(url: string): Promise<AgentReport> {
    const { token } = this.options;
    return agentReportSchema.parse(await this.json({ url: `${url}/report`, method: "GET", token }));
  }

  /**
   * Engages the brake at an agent; resolves once the agent has stored it, or says that somebody has released this very
   * engagement.
   *
   * @throws Error where there is no token or the agent does not
   */
  async engage(url: string, request: DirectBrakeRequest): Promise<"engaged" | "released"> {
    const { brakeToken } = this.options;
    if (brakeToken === undefined) throw new Error("there is no router.brakeToken");
    const call = { url: url + directBrakePath, method: "POST", token: brakeToken } as const;
    try {
      await this.json({ ...call, body: request });
      return "engaged";
    } catch (error) {
      if (error instanceof StatusError && error.status === 409) return "released";
      throw error;
    }
  }

  close(): void {
    this.connections.destroy();
    this.resolver.cancel();
  }

  /** Addresses of a name; empty where it has none, undefined where nobody says. */
  private async resolve(host: string): Promise<string[] | undefined> {
    const answers = await Promise.allSettled([
      this.resolver.resolve4(host),
      this.resolver.resolve6(host),
    ]);
    const found = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
    if (found.length > 0) return found;
    const none = answers.every(
      (answer) =>
        answer.status === "fulfilled" ||
        ["ENOTFOUND", "ENODATA"].includes((answer.reason as NodeJS.ErrnoException).code ?? ""),
    );
    return none ? [] : undefined;
  }

  private json(call: {
    readonly url: string;
    readonly method: "GET" | "POST";
    readonly token: string;
    readonly body?: object;
  }): Promise<unknown> {
    const body = call.body && JSON.stringify(call.body);
    return new Promise((resolve, reject) => {
      const request = http.request(
        call.url,
        {
          method: call.method,
          agent: this.connections,
          signal: AbortSignal.timeout(answerPatience),
          headers: {
            authorization: `Bearer ${call.token}`,
            ...(body === undefined
              ? {}
              : {
                  "content-type": "application/json",
                  "content-length": String(Buffer.byteLength(body)),
                }),
          },
        },
        (response) => {
          readAnswer(response).then(resolve, reject);
        },
      );
      request.on("error", reject);
      request.end(body);
    });
  }
}

async function readAnswer(response: http.IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > answerLimit) throw new Error(`the answer has more than ${answerLimit} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  if (response.statusCode === 200) return JSON.parse(text) as unknown;
  throw new StatusError(response.statusCode ?? 0, text.slice(0, 200).trim());
}

function urlOf(address: string, port: number): string {
  return isIP(address) === 6 ? `http://[${address}]:${port}` : `http://${address}:${port}`;
}
