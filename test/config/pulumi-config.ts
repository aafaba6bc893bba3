import { setPath } from "./sample-config.ts";

/** A configuration and which of its top-level keys hold secrets: what `pulumi config` changes. */
export interface EditedConfig {
  readonly raw: Record<string, unknown>;
  readonly secretKeys: Set<string>;
}

/**
 * Does to a configuration what `pulumi config set` and `pulumi config rm` do, for commands as our messages print
 * them. With --path it stores true, false and integers as such, else text, as the engine's command line does.
 *
 * @throws Error when the command is not one of these two
 */
export function runPulumiConfig(config: EditedConfig, command: string): void {
  for (const part of command.split(" && ")) {
    const match =
      /^(openssl rand -hex 32 \| )?pulumi config (set|rm)( --secret)?( --path)? '?pool-migration:(.*?)'?(?: (\S+))?$/.exec(
        part,
      );
    if (match === null) throw new Error(`Cannot be run: ${part}`);
    const [, made, verb, secret, byPath, key = "", argument] = match;
    const path = byPath === undefined ? [key] : parsePath(key);
    const value = made
      ? crypto.randomUUID().repeat(2)
      : storedValue(argument, byPath !== undefined);
    setPath(config.raw, path, verb === "rm" ? undefined : value);
    if (secret !== undefined) config.secretKeys.add(String(path[0]));
  }
}

function parsePath(text: string): (string | number)[] {
  return [...text.matchAll(/\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.[\]]+)/g)].map(
    ([, quoted, index, name]) => (index === undefined ? (quoted ?? name ?? "") : Number(index)),
  );
}

function storedValue(argument: string | undefined, byPath: boolean): unknown {
  // Without a value the command asks for one.
  if (argument === undefined) return "typed-by-a-person";
  const text = argument.replaceAll("'", "");
  if (!byPath) return text;
  if (/^(0|[1-9][0-9]*)$/.test(text)) return Number(text);
  return text === "true" ? true : text === "false" ? false : text;
}
