import { configKeys } from "../../infra/config/keys.ts";
import type { ConfigKey } from "../../infra/config/keys.ts";
import { verbGroups } from "../../scripts/lib/verbs.ts";

/** Markdown table of every npm script. */
export function verbTable(): string {
  const rows = verbGroups.flatMap(({ verbs }) =>
    Object.entries(verbs).map(([name, summary]) => row(`\`npm run ${name}\``, summary)),
  );
  return [row("Command", "What it does"), row("---", "---"), ...rows].join("\n");
}

/**
 * What is in force where a key is not set: its default, with the one of the other case where there are two, else what
 * it means that there is none.
 *
 * @param show how a value is written
 * @throws Error if the key neither has a default nor says what its absence means
 */
export function defaultText(key: ConfigKey, show: (value: string) => string): string {
  const { path, defaultValue, dependentDefault, absent } = key;
  const text = (value: unknown) => show(JSON.stringify(value).replaceAll('"', ""));
  if (defaultValue === undefined) {
    if (absent === undefined)
      throw new Error(`The key ${path} does not say what its absence means`);
    return absent;
  }
  const other = dependentDefault?.other;
  return text(defaultValue) + (other ? `; ${text(other.value)} with ${other.where}` : "");
}

/** Markdown table of every configuration key. */
export function configurationTable(): string {
  const rows = configKeys.map((key) => {
    const { path, description, allowed, secret } = key;
    return row(
      `\`${path}\``,
      defaultText(key, (value) => `\`${value}\``),
      description + (secret === "required" ? " Secret." : secret ? " May be a secret." : ""),
      allowed.replace(/<\w+>/, "`$&`"),
    );
  });
  return [row("Key", "Default", "Meaning", "Allowed"), row("---", "---", "---", "---")]
    .concat(rows)
    .join("\n");
}

/**
 * Replaces what stands between `<!-- name: … -->` and `<!-- /name -->`.
 *
 * @throws Error if the markers are missing
 */
export function replaceSection(text: string, name: string, content: string): string {
  const pattern = new RegExp(`(<!-- ${name}: [^\\n]* -->\\n)[^]*?(<!-- /${name} -->)`);
  if (!pattern.test(text)) throw new Error(`the markers of the section ${name} are missing`);
  return text.replace(pattern, (_, begin: string, end: string) => `${begin}\n${content}\n\n${end}`);
}

function row(...cells: string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}
