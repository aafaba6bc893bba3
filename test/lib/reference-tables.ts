import { configKeys } from "../../infra/config/keys.ts";
import { verbGroups } from "../../scripts/lib/verbs.ts";

/** Markdown table of every npm script. */
export function verbTable(): string {
  const rows = verbGroups.flatMap(({ verbs }) =>
    Object.entries(verbs).map(([name, summary]) => row(`\`npm run ${name}\``, summary)),
  );
  return [row("Command", "What it does"), row("---", "---"), ...rows].join("\n");
}

/** Markdown table of every configuration key. */
export function configurationTable(): string {
  const rows = configKeys.map(({ path, description, allowed, defaultValue, secret }) =>
    row(
      `\`${path}\``,
      defaultValue === undefined ? "" : `\`${JSON.stringify(defaultValue).replaceAll('"', "")}\``,
      description + (secret === "required" ? " Secret." : secret ? " May be a secret." : ""),
      allowed.replace(/<\w+>/, "`$&`"),
    ),
  );
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
