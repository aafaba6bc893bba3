/** What a load process is told, as JSON in its only argument. */
export interface LoadPlan {
  /** Port on 127.0.0.1. */
  readonly port: number;
  /** Connections that send the next request when an answer is there; with a rate the first of as many as needed. */
  readonly connections: number;
  /** Requests a second, sent whether or not earlier ones are answered; without it as many as are answered. */
  readonly rate?: number;
  /** Load that is not measured, seconds. */
  readonly warmUpSeconds: number;
  /** When to end: after a time, or after a number of answers. */
  readonly end: { readonly seconds: number } | { readonly requests: number };
  /** Processes whose CPU time is measured, by name. */
  readonly processes: Readonly<Record<string, number>>;
}

/** What it measured. */
export interface LoadReport {
  /** Requests sent in all, before and after the measured window too. */
  readonly sent: number;
  /** Requests answered in the measured window. */
  readonly requests: number;
  /** How often requests failed in the measured window, by how they did. */
  readonly failures: Readonly<Record<string, number>>;
  readonly seconds: number;
  /** From the request's write to the answer's last byte, milliseconds. */
  readonly latency: { readonly p50: number; readonly p99: number };
  /** CPU seconds of the processes in the plan, and of the load process itself as `load`. */
  readonly cpuSeconds: Readonly<Record<string, number>>;
}

/** Sessions among which the requests are spread. */
const sessions = 2000;

/**
 * Requests as bytes, to be sent over and over: 60 % GET and 20 % POST of a session, 10 % POST with Idempotency-Key,
 * and 10 % GET without a session, decided by the request id.
 */
export function requests(): readonly Buffer[] {
  return Array.from({ length: sessions }, (_, index) => {
    const session = `x-session-id: session-${index}-${(index * 7919) % 104729}\r\n`;
    const key = `idempotency-key: key-${index}\r\n`;
    switch (index % 10) {
      case 0:
        return request("GET", "", "");
      case 1:
        return request("POST", session + key, '{"program":"sum","input":[1,2,3]}');
      case 2:
      case 3:
        return request("POST", session, '{"program":"sum","input":[1,2,3]}');
      default:
        return request("GET", session, "");
    }
  });
}

function request(method: string, headers: string, body: string): Buffer {
  const length =
    method === "POST" ? `content-type: application/json\r\ncontent-length: ${body.length}\r\n` : "";
  const head = `${method} /v1/programs HTTP/1.1\r\nhost: pool\r\nuser-agent: bench\r\naccept: */*\r\n`;
  return Buffer.from(`${head}${headers}${length}\r\n${body}`);
}
