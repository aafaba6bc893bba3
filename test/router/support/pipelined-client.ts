import { once } from "node:events";
import { connect } from "node:net";

/** Header lines of a request, in order; a name may repeat. */
export type HeaderLines = readonly (readonly [name: string, value: string])[];

/** Answer to a request: status and header block, in lower-case names. */
export interface Answer {
  readonly status: number;
  readonly head: string;
}

/** Requests on one connection that are sent before the answer to the first is there. */
const depth = 32;

/** Value of a header of an answer; "" where it is absent. */
export function headerOf({ head }: Answer, name: string): string {
  const begin = head.indexOf(`\r\n${name}: `);
  if (begin === -1) return "";
  const value = begin + name.length + 4;
  const end = head.indexOf("\r\n", value);
  return head.slice(value, end === -1 ? undefined : end);
}

/**
 * Sends GET requests over a few connections, several at a time on each (HTTP pipelining): many thousand a second
 * from one thread. Answers must have no body.
 *
 * @returns the answers in the order of the requests
 * @throws Error when a connection ends early
 */
export async function sendAll(
  port: number,
  requests: readonly HeaderLines[],
  connections = 8,
): Promise<Answer[]> {
  const answers = new Array<Answer>(requests.length);
  let next = 0;
  const worker = async (): Promise<void> => {
    const socket = connect(port, "127.0.0.1").setNoDelay(true).setEncoding("latin1");
    await once(socket, "connect");
    const pending: number[] = [];
    let rest = "";
    const send = (): void => {
      let text = "";
      while (pending.length < depth && next < requests.length) {
        text += requestText(requests[next] ?? []);
        pending.push(next);
        next += 1;
      }
      if (text !== "") socket.write(text, "utf8");
    };
    await new Promise<void>((resolve, reject) => {
      socket.on("error", reject);
      socket.on("close", () => reject(new Error(`closed with ${pending.length} answers due`)));
      socket.on("data", (chunk: string) => {
        rest += chunk;
        let begin = 0;
        for (;;) {
          const end = rest.indexOf("\r\n\r\n", begin);
          if (end === -1) break;
          const head = rest.slice(begin, end);
          answers[pending.shift() ?? -1] = { status: Number(head.slice(9, 12)), head };
          begin = end + 4;
        }
        rest = rest.slice(begin);
        if (pending.length <= depth / 2) send();
        if (pending.length === 0) resolve();
      });
      send();
      if (pending.length === 0) resolve();
    });
    socket.removeAllListeners("close").destroy();
  };
  await Promise.all(Array.from({ length: connections }, worker));
  return answers;
}

function requestText(lines: HeaderLines): string {
  const headers = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `GET /decide HTTP/1.1\r\nhost: router\r\n${headers}\r\n`;
}
