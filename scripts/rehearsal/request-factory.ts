import { randomUUID } from "node:crypto";
import { runProgram, type Definition } from "../../test/pool/program.ts";
import type { Exchange, Outgoing } from "./load-client.ts";
import type { Arrival, Operation } from "./load-plan.ts";
import type { ProgramLedger } from "./program-ledger.ts";
import type { Verdict } from "./records.ts";

/** Every program of the load; each execute sends an input of its own. */
const definition: Definition = {
  signature: { inputs: [{ name: "question" }], outputs: [{ name: "answer" }] },
  program_type: "predict",
};

/** An operation that was begun: what to send, and what its answer means. */
export interface BegunOperation {
  readonly operation: Operation;
  readonly outgoing: Outgoing;
  /** Takes the answer to the books; must be called once. */
  judge(exchange: Exchange): Verdict;
}

/** Turns arrivals into requests, by the books on the programs there are. */
export class RequestFactory {
  readonly #ledger: ProgramLedger;

  constructor(ledger: ProgramLedger) {
    this.#ledger = ledger;
  }

  /** The request of an arrival; what needs a program and finds none becomes a create. */
  begin(arrival: Arrival, sessionId: string | undefined): BegunOperation {
    switch (arrival.operation) {
      case "execute": {
        const execution = this.#ledger.beginExecute(sessionId, arrival.draw);
        if (!execution) return this.#create(sessionId);
        return arrival.fails
          ? this.#executeInVain(execution.id, execution.done)
          : this.execute(execution.id, execution.done);
      }
      case "delete":
        return this.#delete(sessionId, arrival.draw) ?? this.#create(sessionId);
      case "create":
        return this.#create(sessionId);
      case "list":
        return this.list();
      case "health":
        return {
          operation: "health",
          outgoing: { method: "GET", path: "/v1/health", headers: {} },
          judge: (exchange) => expectStatus(exchange, 200),
        };
    }
  }

  /** Lists the programs of a session. */
  list(): BegunOperation {
    return {
      operation: "list",
      outgoing: { method: "GET", path: "/v1/programs?limit=1000", headers: {} },
      judge: (exchange) => expectStatus(exchange, 200),
    };
  }

  /** Executes a program; `done` is called with the answer. */
  execute(id: string, done: () => void): BegunOperation {
    const inputs = { question: randomUUID() };
    return {
      operation: "execute",
      outgoing: post(`/v1/programs/${id}/execute`, { inputs }),
      judge: (exchange) => {
        done();
        if (exchange.status !== 200) return expectProgram(exchange);
        const expected = runProgram(definition, inputs);
        const { outputs } = JSON.parse(exchange.body) as { outputs?: Record<string, unknown> };
        return outputs?.["answer"] === expected["answer"] ? "expected" : "wrongAnswer";
      },
    };
  }

  /** Executes a program without the input that it needs. */
  #executeInVain(id: string, done: () => void): BegunOperation {
    return {
      operation: "execute",
      outgoing: post(`/v1/programs/${id}/execute`, { inputs: {} }),
      judge: (exchange) => {
        done();
        return exchange.status === 404 ? "programMissing" : expectStatus(exchange, 424);
      },
    };
  }

  #create(sessionId: string | undefined): BegunOperation {
    const id = randomUUID();
    return {
      operation: "create",
      outgoing: post("/v1/programs", { id, ...definition }),
      judge: (exchange) => {
        // A repeated create may find what the first attempt stored.
        const acknowledged = exchange.status === 201 || exchange.status === 200;
        if (acknowledged) this.#ledger.created(sessionId, id);
        return acknowledged ? "expected" : expectStatus(exchange, 201);
      },
    };
  }

  #delete(sessionId: string | undefined, draw: number): BegunOperation | undefined {
    const deletion = this.#ledger.beginDelete(sessionId, draw);
    if (!deletion) return undefined;
    return {
      operation: "delete",
      outgoing: { method: "DELETE", path: `/v1/programs/${deletion.id}`, headers: {} },
      judge: (exchange) => {
        if (exchange.status === 200) deletion.deleted();
        return expectProgram(exchange);
      },
    };
  }
}

function post(path: string, body: unknown): Outgoing {
  const headers = { "content-type": "application/json" };
  return { method: "POST", path, headers, body: JSON.stringify(body) };
}

function expectProgram(exchange: Exchange): Verdict {
  return exchange.status === 404 ? "programMissing" : expectStatus(exchange, 200);
}

/** Statuses of 500 and more, and no answer, are outcomes of their own and judged elsewhere. */
function expectStatus({ status }: Exchange, expected: number): Verdict {
  return status === expected || status >= 500 || status === 0 ? "expected" : "unexpectedStatus";
}
