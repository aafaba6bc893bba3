/**
 * Address of the engine that started this plugin: its only positional argument.
 *
 * @throws if somebody else started it.
 */
export function engineAddress(plugin: string): string {
  const address = process.argv.slice(2).find((argument) => !argument.startsWith("-"));
  if (address === undefined) {
    throw new Error(`${plugin} is started by \`pulumi\`, with the engine's address.`);
  }
  return address;
}
