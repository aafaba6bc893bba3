import { setTimeout as delay } from "node:timers/promises";
import type { Answer, CallOptions, Client } from "./client.ts";
import { demand, demandStatus } from "./expect.ts";
import { freshName, type Target } from "./rule.ts";

/** The program that rules work with. */
export const program = {
  signature: { inputs: [{ name: "question" }], outputs: [{ name: "answer" }] },
  program_type: "predict",
};

/** The same with another definition. */
export const otherProgram = { ...program, program_type: "chain_of_thought" };

/** Calls of one session. */
export class Session {
  readonly id: string;
  readonly #client: Client;

  constructor({ data }: Pick<Target, "data">, id = freshName("conformance")) {
    this.#client = data;
    this.id = id;
  }

  call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    return this.#client.call(method, path, { session: this.id, ...options });
  }

  create(id: string, headers: Record<string, string> = {}, definition = program): Promise<Answer> {
    return this.call("POST", "/v1/programs", { body: { id, ...definition }, headers });
  }

  execute(id: string, headers: Record<string, string> = {}, question = "why?"): Promise<Answer> {
    const body = { inputs: { question } };
    return this.call("POST", `/v1/programs/${id}/execute`, { body, headers });
  }

  /** Creates what a rule needs. @throws Violation when that fails. */
  async given(...ids: string[]): Promise<void> {
    for (const id of ids) {
      let answer = await this.create(id);
      // A breaker that the rule before has opened closes again by itself.
      for (let tries = 0; tries < 50 && errorCode(answer) === "circuit_open"; tries++) {
        await delay(100);
        answer = await this.create(id);
      }
      demandStatus(answer, 201);
    }
  }

  /** Ids of one page of the list. */
  async ids(query = ""): Promise<string[]> {
    const answer = await this.call("GET", `/v1/programs${query}`);
    demandStatus(answer, 200);
    return listedIds(answer);
  }
}

/** Ids in the answer to a list. */
function listedIds({ json }: Answer): string[] {
  const programs = json?.["programs"];
  demand(Array.isArray(programs), "the list has no programs");
  return programs.map((entry) => String((entry as { id?: unknown }).id));
}

/** Code of an error answer; undefined where there is none. */
export function errorCode({ json }: Answer): string | undefined {
  const error = json?.["error"] as { code?: unknown } | undefined;
  return typeof error?.code === "string" ? error.code : undefined;
}
