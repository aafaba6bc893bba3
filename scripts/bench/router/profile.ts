import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import {
  envoyArguments,
  renderValidationBootstrap,
} from "../../../infra/rollout/envoy-bootstrap.ts";
import type { Json } from "../../../infra/rollout/envoy-routes.ts";
import { routeTable } from "../../../infra/rollout/route-table.ts";
import type { Progress } from "../../local/progress.ts";
import { quantile } from "../statistics.ts";
import { bothReady, measuredPercentage, overrideToken, type Arm, type Arms } from "./arms.ts";
import { PinnedProcess } from "./envoy-process.ts";
import { freePorts } from "../../lib/free-ports.ts";
import { canCountInstructions, countInstructions, countingCommand } from "./instructions.ts";
import { plainBootstrap } from "./plain-envoy.ts";
import { runLoad } from "./run-load.ts";
import { variants, withValue } from "./variants.ts";

/** Where Envoy's cost for a request lies. */
export interface RouterProfile {
  /** `instructions` in user mode where valgrind is installed, else `CPU microseconds`, which scatter. */
  readonly unit: "instructions" | "CPU microseconds";
  /** Cost of a request. */
  readonly router: number;
  readonly envoy: number;
  /** Router to plain Envoy. */
  readonly ratio: number;
  /** The router with one feature taken away, and by how much a request is then cheaper. */
  readonly variants: readonly { readonly name: string; readonly saved: number }[];
}

const counted = { warmUp: 64, requests: 400, connections: 8, startSeconds: 300 };
const timed = { rounds: 3, seconds: 1, connections: 32, startSeconds: 20 };

/** An Envoy whose requests are measured, and the ports of its listeners. */
interface Subject {
  readonly arm: Arm;
  readonly bootstrap: Json;
  readonly ports: readonly number[];
}

/** Measures the cost of a request of the router, of the router without each of its features, and of plain Envoy. */
export async function profileRouter(
  arms: Arms,
  progress: Progress,
  signal: AbortSignal,
): Promise<RouterProfile> {
  const counting = await canCountInstructions();
  const all = variants(arms.places.router.settings);
  const unit = counting ? "instructions" : "CPU microseconds";
  return await progress.step(`Where the router's cost lies, in ${unit}`, async (detail) => {
    const envoy = { arm: "envoy", bootstrap: plain(arms), ports: [listenerPort(arms)] } as const;
    const ports = await freePorts(all.length + 1);
    const router = { arm: "router", bootstrap: withVariants(arms, ports), ports } as const;
    // Counts do not depend on time, so that both can be made at once.
    const cost = (subject: Subject) => costs(arms, subject, counting, detail, signal);
    const [[plainCost = NaN], [routerCost = NaN, ...others]] = counting
      ? await Promise.all([cost(envoy), cost(router)])
      : [await cost(envoy), await cost(router)];
    return {
      unit,
      router: Math.round(routerCost),
      envoy: Math.round(plainCost),
      ratio: routerCost / plainCost,
      variants: all.map(({ name }, index) => ({
        name,
        saved: Math.round(routerCost - (others[index] ?? NaN)),
      })),
    };
  });
}

function listenerPort(arms: Arms): number {
  return arms.places.envoy.settings.ports.listener;
}

function plain(arms: Arms): Json {
  const { settings, files } = arms.places.envoy;
  return calm(plainBootstrap(settings, files, measuredPercentage));
}

/** The router with one listener as it is and one for each variant. */
function withVariants(arms: Arms, ports: readonly number[]): Json {
  const { settings, files } = arms.places.router;
  const table = routeTable({
    revision: "r1.1",
    percentage: measuredPercentage,
    topology: "both",
    idempotencyKeys: settings.idempotencyKeys,
    overrideToken,
  });
  const bootstrap = renderValidationBootstrap(settings, files, table);
  const resources = (bootstrap as { static_resources: { listeners: Json[] } }).static_resources;
  const [listener = ""] = resources.listeners;
  const changed = variants(settings).map(({ changes }) =>
    changes.reduce((config, { path, value }) => withValue(config, path, value), listener),
  );
  const listeners = [listener, ...changed].map((config, index) => {
    const address = { address: "127.0.0.1", port_value: ports[index] ?? 0 };
    const named = withValue(config, ["name"], `listener-${index}`);
    return withValue(named, ["address", "socket_address"], address);
  });
  return calm(withValue(bootstrap, ["static_resources", "listeners"], listeners));
}

/** What Envoy does by the clock, whatever the requests, does not belong to a request. */
function calm(bootstrap: Json): Json {
  const cluster = ["static_resources", "clusters", "*"];
  const check = [...cluster, "health_checks", 0];
  const protocol = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
  const connection = [...cluster, "typed_extension_protocol_options", protocol];
  const changes: [(string | number)[], Json][] = [
    // A program that is counted is slow: its connections would be closed between two requests.
    [[...connection, "common_http_protocol_options", "idle_timeout"], "600s"],
    [[...check, "interval"], "600s"],
    [[...check, "no_traffic_interval"], "600s"],
    [[...check, "timeout"], "60s"],
    [[...cluster, "connect_timeout"], "60s"],
    [[...cluster, "cluster_type", "typed_config", "dns_refresh_rate"], "600s"],
  ];
  const slow = changes.reduce((config, [path, value]) => withValue(config, path, value), bootstrap);
  return { ...(slow as object), stats_flush_interval: "299s" };
}

/** Cost of a request on each port of a subject. */
async function costs(
  arms: Arms,
  subject: Subject,
  counting: boolean,
  detail: (text: string) => void,
  signal: AbortSignal,
): Promise<number[]> {
  const { settings, files } = arms.places[subject.arm];
  const directory = dirname(files.bootstrap);
  await mkdir(dirname(files.decisionLog), { recursive: true });
  const config = join(directory, "profile.json");
  await writeFile(config, JSON.stringify(subject.bootstrap));
  const prefix = counting ? countingCommand(directory) : [];
  const arguments_ = envoyArguments(settings, { ...files, bootstrap: config });
  const [command = "", ...args] = [...prefix, arms.envoyBinary, ...arguments_, "-l", "error"];
  const core = counting && subject.arm === "envoy" ? arms.cores.load : arms.cores.measured;
  const envoy = new PinnedProcess(core, command, args);
  try {
    const { startSeconds } = counting ? counted : timed;
    const ready = `http://127.0.0.1:${settings.ports.admin}/ready`;
    detail(`${subject.arm} starts`);
    await envoy.ready(ready, startSeconds, signal);
    await bothReady(settings.ports.admin, signal, startSeconds);
    const found: number[] = [];
    for (const port of subject.ports) {
      detail(`${subject.arm} ${found.length + 1} of ${subject.ports.length}`);
      found.push(
        counting
          ? await countedCost(arms, envoy.pid, directory, port, signal)
          : await timedCost(arms, envoy.pid, port, signal),
      );
    }
    return found;
  } finally {
    await envoy.stop();
  }
}

async function countedCost(
  arms: Arms,
  pid: number,
  directory: string,
  port: number,
  signal: AbortSignal,
): Promise<number> {
  const send = (requests: number) => {
    const { connections } = counted;
    const end = { requests };
    const plan = { port, connections, warmUpSeconds: 0, end, processes: {} };
    return runLoad(arms.cores.load, plan, signal);
  };
  await send(counted.warmUp);
  let sent = 0;
  const total = await countInstructions(pid, directory, async () => {
    ({ sent } = await send(counted.requests));
  });
  return total / sent;
}

async function timedCost(
  arms: Arms,
  pid: number,
  port: number,
  signal: AbortSignal,
): Promise<number> {
  const { connections, seconds } = timed;
  const found: number[] = [];
  for (let round = 0; round < timed.rounds; round++) {
    const plan = {
      port,
      connections,
      warmUpSeconds: 0.3,
      end: { seconds },
      processes: { envoy: pid },
    };
    const { cpuSeconds, requests } = await runLoad(arms.cores.load, plan, signal);
    found.push(((cpuSeconds["envoy"] ?? 0) / requests) * 1e6);
  }
  return quantile(found, 0.5);
}
