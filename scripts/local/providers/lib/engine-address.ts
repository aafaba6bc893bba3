import { parseArgs } from "node:util";

/**
 * Address of the engine that started this plugin: its only positional argument. `--tracing` has a value, which an
 * engine that traces gives in front of it.
 *
 * @param plugin what this process is, for the message
 * @throws if somebody else started it.
 */
export function engineAddress(plugin: string, argv: string[] = process.argv.slice(2)): string {
  const options = { tracing: { type: "string" } } as const;
  const { positionals } = parseArgs({
    args: argv,
    options,
    strict: false,
    allowPositionals: true,
  });
  const [address] = positionals;
  if (address === undefined) {
    throw new Error(`${plugin} is started by \`pulumi\`, with the engine's address.`);
  }
  return address;
}
