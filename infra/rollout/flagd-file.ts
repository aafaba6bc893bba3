import type { BooleanFlagName, BooleanFlags } from "./flags.ts";

/** Flags that the pools read, by the names that they have there. Whether V2 takes traffic is the router's alone. */
const poolFlagNames = {
  enhancedWorkers: "enhanced_workers",
  circuitBreaker: "circuit_breaker",
  telemetryV2: "telemetry_v2",
  poolOptimizer: "pool_optimizer",
} as const satisfies Partial<Record<BooleanFlagName, string>>;

/** Configured flags that reach the pools. */
export type PoolFlagName = keyof typeof poolFlagNames;

/** The same as a list of pairs: name in the configuration, name in the file. */
export const poolFlags = Object.entries(poolFlagNames) as readonly (readonly [
  PoolFlagName,
  (typeof poolFlagNames)[PoolFlagName],
])[];

/**
 * The file of flags that the pools read, in the format of flagd (https://flagd.dev/reference/flag-definitions/):
 * each flag has the variants `on` and `off`, and its default is what is configured. Nothing in it depends on the
 * request, so a pool's answers do not either.
 *
 * @returns JSON, the same text for the same flags
 */
export function flagdFile(flags: Pick<BooleanFlags, PoolFlagName>): string {
  const definitions = poolFlags.map(([configured, name]) => [
    name,
    {
      state: "ENABLED",
      variants: { on: true, off: false },
      defaultVariant: flags[configured] ? "on" : "off",
    },
  ]);
  const file = {
    $schema: "https://flagd.dev/schema/v0/flags.json",
    flags: Object.fromEntries(definitions) as Record<string, unknown>,
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}
