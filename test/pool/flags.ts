import { readFile } from "node:fs/promises";
import { FlagdCore } from "@openfeature/flagd-core";
import type { EvaluationContext, JsonValue, Logger, Provider } from "@openfeature/server-sdk";
import {
  NOOP_PROVIDER,
  OpenFeature,
  OpenFeatureEventEmitter,
  ProviderEvents,
} from "@openfeature/server-sdk";

/** The flags that a pool knows. */
const flagNames = [
  "enhanced_workers",
  "circuit_breaker",
  "telemetry_v2",
  "pool_optimizer",
] as const;

/** What each flag says; a flag that the file does not have is false. */
export type PoolFlags = Readonly<Record<(typeof flagNames)[number], boolean>>;

/** All off. */
export const noFlags: PoolFlags = {
  enhanced_workers: false,
  circuit_breaker: false,
  telemetry_v2: false,
  pool_optimizer: false,
};

/** Time between two looks at the file, milliseconds. The file is a few hundred bytes. */
const lookEveryMs = 500;
const emptyFile = '{"flags":{}}';

/** OpenFeature provider over a flagd file (https://flagd.dev/reference/flag-definitions/). */
class FlagFileProvider implements Provider {
  readonly metadata = { name: "flagd-file" } as const;
  readonly runsOn = "server";
  readonly events = new OpenFeatureEventEmitter();
  readonly #path: string;
  readonly #core = new FlagdCore();
  #text = "";
  #timer: NodeJS.Timeout | undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async initialize(): Promise<void> {
    await this.#look();
    this.#timer = setInterval(() => void this.#look(), lookEveryMs);
    this.#timer.unref();
  }

  onClose(): Promise<void> {
    clearInterval(this.#timer);
    return Promise.resolve();
  }

  resolveBooleanEvaluation(key: string, value: boolean, context: EvaluationContext, log: Logger) {
    return Promise.resolve(this.#core.resolveBooleanEvaluation(key, value, context, log));
  }

  resolveStringEvaluation(key: string, value: string, context: EvaluationContext, log: Logger) {
    return Promise.resolve(this.#core.resolveStringEvaluation(key, value, context, log));
  }

  resolveNumberEvaluation(key: string, value: number, context: EvaluationContext, log: Logger) {
    return Promise.resolve(this.#core.resolveNumberEvaluation(key, value, context, log));
  }

  resolveObjectEvaluation<T extends JsonValue>(
    key: string,
    value: T,
    context: EvaluationContext,
    log: Logger,
  ) {
    return Promise.resolve(this.#core.resolveObjectEvaluation(key, value, context, log));
  }

  /** Without a file all flags are off; a file that cannot be read as flags changes nothing. */
  async #look(): Promise<void> {
    const text = await readFile(this.#path, "utf8").catch(() => emptyFile);
    if (text === this.#text) return;
    this.#text = text;
    try {
      const flagsChanged = this.#core.setConfigurations(text);
      this.events.emit(ProviderEvents.ConfigurationChanged, { flagsChanged });
    } catch (error) {
      console.error(JSON.stringify({ event: "flags unreadable", error: String(error) }));
    }
  }
}

/**
 * Follows the flags of a file.
 * @param onChange called at once and whenever a flag changes.
 * @returns a function that stops.
 */
export async function followFlags(
  path: string,
  onChange: (flags: PoolFlags) => void,
): Promise<() => Promise<void>> {
  // A domain of its own: several pools may live in one process.
  const domain = `pool-${path}-${Math.random()}`;
  await OpenFeature.setProviderAndWait(domain, new FlagFileProvider(path));
  const client = OpenFeature.getClient(domain);
  let current = noFlags;
  const evaluate = async (): Promise<void> => {
    const values = await Promise.all(
      flagNames.map(async (name) => [name, await client.getBooleanValue(name, false)] as const),
    );
    const flags = Object.fromEntries(values) as PoolFlags;
    if (flagNames.every((name) => flags[name] === current[name])) return;
    current = flags;
    onChange(flags);
  };
  client.addHandler(ProviderEvents.ConfigurationChanged, () => void evaluate());
  await evaluate();
  // OpenFeature closes the provider that another one replaces.
  return () => OpenFeature.setProviderAndWait(domain, NOOP_PROVIDER);
}
