import type { PoolProcess } from "./pool-process.ts";
import type { Definition } from "./program.ts";

/** A small program. */
export const definition: Definition = {
  signature: { inputs: [{ name: "question" }], outputs: [{ name: "answer" }] },
  program_type: "predict",
};

/** An answer of a pool. */
export interface PoolAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown> & { error?: { code: string; retryable: boolean } };
}

/** A caller of both pools with a session of its own. */
export class PoolCaller {
  readonly #session: string;

  constructor(session: string) {
    this.#session = session;
  }

  async call(
    pool: PoolProcess,
    method: string,
    path: string,
    { body, headers = {} }: { body?: unknown; headers?: Record<string, string> } = {},
  ): Promise<PoolAnswer> {
    const response = await fetch(`${pool.url}${path}`, {
      method,
      headers: {
        "x-session-id": this.#session,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const parsed = (await response.json()) as PoolAnswer["body"];
    return { status: response.status, headers: response.headers, body: parsed };
  }

  create(pool: PoolProcess, id: string, headers = {}): Promise<PoolAnswer> {
    return this.call(pool, "POST", "/v1/programs", { body: { id, ...definition }, headers });
  }

  execute(pool: PoolProcess, id: string, headers = {}, question = "why?"): Promise<PoolAnswer> {
    const body = { inputs: { question } };
    return this.call(pool, "POST", `/v1/programs/${id}/execute`, { body, headers });
  }
}

/** Ids of the programs in the answer to a list. */
export function listedIds(answer: PoolAnswer): string[] {
  return (answer.body["programs"] as { id: string }[]).map(({ id }) => id);
}

/** Tells a pool which faults to have; returns the status of its answer. */
export async function setFaults(
  pool: PoolProcess,
  faults: Record<string, unknown>,
): Promise<number> {
  const response = await fetch(`${pool.adminUrl}/admin/faults`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(faults),
  });
  return response.status;
}
