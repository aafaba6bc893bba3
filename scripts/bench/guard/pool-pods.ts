import { createServer } from "node:http";
import type { RequestListener, Server } from "node:http";
import { poolMetrics } from "../../../test/pool/telemetry/metrics.ts";

const workersOfPod = 4;

/** Bytes that each pod takes: what does not grow is no leak. */
const residentBytes = 96 * 1024 * 1024;

/** Share of a core that each pod uses. */
const usedCores = 0.2;

/** Durations of the answers that fill the histograms, seconds. */
const answered = [0.003, 0.02, 0.06, 0.15];

const operations = ["execute", "create", "list", "delete"] as const;

/** Pods of V2 that do nothing but serve the metrics of the pools' contract, each on an address of its own on loopback. */
export class PoolPods {
  readonly addresses: readonly string[];
  private readonly servers: Server[] = [];
  private readonly begun = performance.now();
  private readonly counts: number[];
  /** What precedes the CPU time in the text of the metrics, and what follows it. */
  private text: readonly [string, string] = ["", ""];

  /** @param count up to 50,000 */
  constructor(count: number) {
    this.addresses = Array.from({ length: count }, (_, number) => addressOf(number));
    this.counts = this.addresses.map(() => 0);
  }

  /** How often each pod's metrics were read. */
  get reads(): readonly number[] {
    return this.counts;
  }

  /** Workers of all pods. */
  get workers(): number {
    return workersOfPod * this.addresses.length;
  }

  /** Serves on all addresses. */
  async start(port: number): Promise<void> {
    this.text = await metricsText();
    for (const [number, address] of this.addresses.entries()) {
      this.servers.push(
        await listen(address, port, (_request, response) => {
          this.counts[number] = (this.counts[number] ?? 0) + 1;
          const cpuSeconds = (usedCores * (performance.now() - this.begun)) / 1000;
          response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
          response.end(this.text.join(cpuSeconds.toFixed(6)));
        }),
      );
    }
  }

  stop(): void {
    for (const server of this.servers) {
      server.close();
      server.closeAllConnections();
    }
  }
}

function addressOf(number: number): string {
  return `127.2.${Math.floor(number / 250)}.${(number % 250) + 1}`;
}

function listen(address: string, port: number, answer: RequestListener): Promise<Server> {
  const server = createServer(answer);
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, address, () => resolve(server));
  });
}

/** The metrics of a pool that has answered something, without its CPU time. */
async function metricsText(): Promise<[string, string]> {
  const metrics = poolMetrics("v2", {
    queued: () => 0,
    workersByState: () => ({ starting: 0, ready: workersOfPod, busy: 0, terminated: 0 }),
    utilization: () => 0.2,
    workerMemory: () => ({ sum: residentBytes / 2, max: residentBytes / 8 }),
    sessions: () => Promise.resolve(100),
    breaker: () => "closed",
    draining: () => false,
  });
  for (const operation of operations) {
    metrics.requests.inc({ operation, code: "200" });
    for (const seconds of answered) {
      metrics.duration.observe({ operation }, seconds);
      metrics.execution.observe({ operation }, seconds);
      metrics.queueWait.observe(seconds);
    }
  }
  const text = await metrics.registry.metrics();
  const [before, after, ...more] = text
    .replace(/^(process_resident_memory_bytes(?:\{.*\})? ).*$/m, `$1${residentBytes}`)
    .split(/(?<=^process_cpu_seconds_total(?:\{.*\})? )\S+$/m);
  if (before === undefined || after === undefined || more.length > 0) {
    throw new Error("The metrics of the test pools have no process_cpu_seconds_total.");
  }
  return [before, after];
}
