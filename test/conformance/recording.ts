import { isDeepStrictEqual } from "node:util";
import { rules } from "../../scripts/conformance/rules.ts";
import { runConformance } from "../../scripts/conformance/run-conformance.ts";
import type { PoolOfTests } from "./check-through.ts";
import { startInProcessPool } from "./in-process-pool.ts";
import { startProxy, type Change, type Exchange } from "./proxy.ts";
import type { WrongServer } from "./wrong-servers.ts";

type Port = "data" | "admin";

/** What each rule exchanges with a right pool, in order. */
export type Recording = ReadonlyMap<
  string,
  readonly { readonly port: Port; readonly exchange: Exchange }[]
>;

/** Checks a right pool rule by rule and writes down what is exchanged. */
export async function recordExchanges(shared: PoolOfTests): Promise<Recording> {
  const { databaseUrl, environment } = shared;
  const pool = await startInProcessPool("v2", databaseUrl, environment);
  const recording = new Map<string, { port: Port; exchange: Exchange }[]>();
  let entries: { port: Port; exchange: Exchange }[] = [];
  const record = (port: Port): Change => ({
    after: (exchange) => void entries.push({ port, exchange: structuredClone(exchange) }),
  });
  const [data, admin] = await Promise.all([
    startProxy(pool.url, record("data")),
    startProxy(pool.adminUrl, record("admin")),
  ]);
  for (const { name } of rules) {
    entries = [];
    const { process } = pool;
    const only = [name];
    const result = await runConformance({ url: data.url, adminUrl: admin.url, process, only });
    if (!result.conforms) throw new Error(`A right pool fails: ${result.results[0]?.detail}`);
    recording.set(name, entries);
  }
  data.stop();
  admin.stop();
  await pool.stop();
  return recording;
}

/**
 * The rules that a wrong server can make a difference to: it changes something of what they
 * exchange. All others see the very bytes that a right pool sends.
 */
export function touchedRules(recording: Recording, wrong: WrongServer): string[] {
  return [...recording]
    .filter(([rule, entries]) => {
      if (wrong.exitCode !== undefined) return rule === "sigterm";
      const changes = { data: wrong.data?.(), admin: wrong.admin?.() };
      return entries.map(({ port, exchange }) => differs(changes[port], exchange)).includes(true);
    })
    .map(([rule]) => rule);
}

function differs(change: Change | undefined, exchange: Exchange): boolean {
  if (!change) return false;
  const request = structuredClone(exchange);
  change.before?.(request);
  const answer = structuredClone(exchange);
  change.after?.(answer);
  return !isDeepStrictEqual(request, exchange) || !isDeepStrictEqual(answer, exchange);
}
