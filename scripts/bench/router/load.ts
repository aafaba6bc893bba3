import { connect, type Socket } from "node:net";
import { quantile } from "../statistics.ts";
import { cpuSeconds } from "./cpu-time.ts";
import { requests, type LoadPlan, type LoadReport } from "./load-plan.ts";

/**
 * Process that sends requests over raw connections: Node's HTTP client costs more for a request than Envoy does, so
 * that beside it Envoy would never be the limit. It measures in a window after a warm-up, reads the CPU time of the
 * processes that it is told at both ends of the window, and prints a report.
 */

/** More are not opened: whoever does not answer for so long fails. */
const maximumConnections = 512;
/** What is due for longer is not sent any more. */
const catchUpSeconds = 0.02;
/** Longest wait for the answers that are open at the end, milliseconds. */
const patience = 10_000;

const plan = JSON.parse(process.argv[2] ?? "") as LoadPlan;
const texts = requests();
const idle: Connection[] = [];
let opened = 0;
let sent = 0;
let answered = 0;
let measuring = false;
let ending = false;
let failures: Record<string, number> = {};
let latencies: number[] = [];

/** A connection with at most one request on its way. */
class Connection {
  readonly #socket: Socket;
  #begin = 0;
  #text = "";

  constructor() {
    opened++;
    this.#socket = connect({ port: plan.port, host: "127.0.0.1", noDelay: true });
    this.#socket.setEncoding("latin1").on("data", (chunk) => this.#take(chunk.toString()));
    this.#socket.on("error", () => undefined).on("close", () => this.#closed());
  }

  send(): void {
    this.#begin = performance.now();
    this.#socket.write(texts[sent++ % texts.length] ?? "");
  }

  #take(chunk: string): void {
    this.#text += chunk;
    const head = this.#text.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = /content-length: (\d+)/i.exec(this.#text.slice(0, head))?.[1] ?? "0";
    if (this.#text.length < head + 4 + Number(length)) return;
    const status = this.#text.slice(9, 12);
    this.#text = "";
    this.#done(status);
  }

  #closed(): void {
    opened--;
    const at = idle.indexOf(this);
    if (at >= 0) idle.splice(at, 1);
    if (this.#begin === 0) return;
    fail("connection cut");
    answered++;
    if (plan.rate === undefined && !ending) new Connection().send();
  }

  #done(status: string): void {
    if (status !== "200") fail(`status ${status}`);
    if (measuring) latencies.push(performance.now() - this.#begin);
    answered++;
    this.#begin = 0;
    if (plan.rate === undefined && !ending && !enough()) this.send();
    else idle.push(this);
  }
}

function fail(how: string): void {
  failures[how] = (failures[how] ?? 0) + 1;
}

function enough(): boolean {
  return measuring && "requests" in plan.end && latencies.length + open() >= plan.end.requests;
}

function open(): number {
  return sent - answered;
}

/** Sends what is due by now, at every turn of a timer. */
function pace(rate: number): () => void {
  const begin = performance.now();
  let due = 0;
  const timer = setInterval(() => {
    const now = Math.floor(((performance.now() - begin) / 1000) * rate);
    // Where this process itself was held up, what it could not send is left out: at once it would be a burst.
    due = Math.max(due, now - Math.ceil(rate * catchUpSeconds));
    for (; due < now; due++) {
      const connection = idle.pop() ?? (opened < maximumConnections ? new Connection() : undefined);
      if (connection) connection.send();
      else fail("no connection left");
    }
  }, 1);
  return () => clearInterval(timer);
}

function cpu(): Record<string, number> {
  const own = process.cpuUsage();
  const others = Object.entries(plan.processes).map(([name, pid]): [string, number] => [
    name,
    cpuSeconds(pid),
  ]);
  return { ...Object.fromEntries(others), load: (own.user + own.system) / 1e6 };
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

async function measure(): Promise<Omit<LoadReport, "sent">> {
  failures = {};
  latencies = [];
  const before = cpu();
  const begin = performance.now();
  measuring = true;
  if ("seconds" in plan.end) await sleep(plan.end.seconds * 1000);
  else while (latencies.length < plan.end.requests) await sleep(5);
  measuring = false;
  const seconds = (performance.now() - begin) / 1000;
  const after = cpu();
  const used = Object.entries(after).map(([name, value]) => [name, value - (before[name] ?? 0)]);
  return {
    requests: latencies.length,
    failures,
    seconds,
    latency: { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) },
    cpuSeconds: Object.fromEntries(used) as Record<string, number>,
  };
}

const connections = Array.from({ length: plan.connections }, () => new Connection());
let stop = (): void => undefined;
if (plan.rate === undefined) for (const connection of connections) connection.send();
else {
  idle.push(...connections);
  stop = pace(plan.rate);
}
await sleep(plan.warmUpSeconds * 1000);
const report = await measure();
ending = true;
stop();
for (let waited = 0; open() > 0 && waited < patience; waited += 10) await sleep(10);
process.stdout.write(`${JSON.stringify({ ...report, sent })}\n`, () => process.exit(0));
