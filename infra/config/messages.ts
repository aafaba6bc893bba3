import { formatPath, findKey, qualified, configKeys } from "./keys.ts";
import type { ConfigKey } from "./keys.ts";

/** One thing that is wrong with the configuration. */
export interface Problem {
  /** Path of the key, for example `["pool", "port"]`. */
  readonly path: readonly PropertyKey[];
  /** One sentence: key, value (never a secret's), what is allowed and the command that fixes it. */
  readonly sentence: string;
}

/** Bad configuration: every problem that was found, in one message. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly Problem[];

  constructor(stack: string, problems: readonly Problem[]) {
    const noun = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    const lines = problems.map(({ sentence }) => `  - ${sentence}`);
    super(
      [
        `The configuration of stack ${stack} has ${noun}; nothing was changed.`,
        "(The commands act on the selected stack; add --stack for another.)",
        ...lines,
      ].join("\n"),
    );
    this.problems = problems;
  }
}

/** A value that is not accepted. `reason` takes the place of "must be <allowed>". */
export function invalid(
  path: readonly PropertyKey[],
  value: unknown,
  reason?: string,
  fix?: string,
): Problem {
  const key = findKey(path);
  const shown = key === undefined || key.secret !== undefined ? kindOf(value) : show(value);
  return problem(
    path,
    `is ${shown}, but ${reason ?? `must be ${key?.allowed ?? containerAt(path)}`}`,
    fix ?? (key === undefined ? removeCommand(path) : setCommand(path)),
  );
}

/** A value that must be there and is not. `where` says under which circumstances, for example "at stage p5". */
export function missing(path: readonly PropertyKey[], where = ""): Problem {
  const allowed = findKey(path)?.allowed ?? containerAt(path);
  return problem(path, `is missing, but must be ${allowed} ${where}`.trimEnd(), setCommand(path));
}

/** A value that a profile's file leaves for people to fill in. */
export function placeholder(path: readonly PropertyKey[], value: string): Problem {
  const key = findKey(path);
  // What stands in the place of a secret, or under a name that does not exist, may be a secret after all.
  const isPlain = key !== undefined && key.secret === undefined;
  const shown = isPlain ? `the placeholder ${show(value)}` : "a placeholder";
  return problem(
    path,
    `is still ${shown}, but must be ${key?.allowed ?? "filled in or removed"}`,
    key === undefined ? removeCommand(path) : setCommand(path),
  );
}

/** A secret that the stack's file holds in clear. */
export function inClear(path: readonly PropertyKey[]): Problem {
  return problem(
    path,
    "is stored in clear, but must be a secret, and a new one because this one could be read",
    setCommand(path),
  );
}

/** A free name that cannot be one of an environment variable. */
export function badName(path: readonly PropertyKey[]): Problem {
  return problem(
    path,
    "is no name of an environment variable, but must be of letters, digits and underscores, no digit first",
    removeCommand(path),
  );
}

/** A key that does not exist. Its value is not shown: it may be a misspelt secret. */
export function unknownKey(path: readonly PropertyKey[]): Problem {
  const siblings = namesBelow(path.slice(0, -1));
  const suggestion = nearestKey(path);
  const last = String(path.at(-1));
  if (path.length === 1 && configKeys.some((key) => key.path === last)) {
    return problem(
      path,
      `is one name, but "${last}" is a path, so the command needs --path`,
      `${removeCommand(path)} && ${setCommand(last.split("."))}`,
    );
  }
  if (last.replaceAll("_", "").toLowerCase() === "gradualrolloutpercentage") {
    return problem(
      path,
      "cannot be set, because the percentage follows from the stage: set the stage instead",
      `${removeCommand(path)} && pulumi config set ${qualified("stage")} p5`,
    );
  }
  return problem(
    path,
    suggestion === undefined
      ? `is not a key of this program, but must be one of ${siblings}`
      : `is not a key of this program; did you mean ${suggestion} (allowed: ${siblings})`,
    removeCommand(path),
  );
}

/** Something that no single value can mend by itself. */
export function problem(path: readonly PropertyKey[], finding: string, fix: string): Problem {
  const subject = path.length === 0 ? "The stack" : qualified(subjectOf(path));
  return { path, sentence: `${subject} ${finding}; run: ${fix}` };
}

/**
 * Command that sets a key. A secret is made by another command or asked for, so that it stays out of the shell and of
 * every list of processes.
 */
export function setCommand(path: readonly PropertyKey[], value?: string): string {
  const key = findKey(path);
  const words = ["pulumi config set"];
  if (key?.secret === "required") words.push("--secret");
  words.push(
    path.length > 1 ? `--path ${quote(qualified(formatPath(path)))}` : qualified(formatPath(path)),
  );
  const argument = value ?? key?.example;
  if (argument !== undefined) words.push(argument);
  else if (key?.madeBy !== undefined) words.unshift(key.madeBy, "|");
  return words.join(" ");
}

/** Command that removes a key, or what stands below it. */
export function removeCommand(path: readonly PropertyKey[]): string {
  if (path.length > 1) return `pulumi config rm --path ${quote(qualified(formatPath(path)))}`;
  const name = qualified(String(path[0]));
  return `pulumi config rm ${/^[\w:.-]+$/.test(name) ? name : quote(name)}`;
}

/** One word of a shell's command line. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** A top-level name may hold dots: whoever forgets --path makes one. Any other name of the kind is quoted. */
function subjectOf(path: readonly PropertyKey[]): string {
  const [name] = path;
  if (path.length !== 1 || typeof name !== "string") return formatPath(path);
  return /^[\w.-]+$/.test(name) ? name : JSON.stringify(name);
}

/** What kind of thing a value is, for values that must not be shown. */
function kindOf(value: unknown): string {
  if (value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" ? "a map" : `a ${typeof value} (not shown)`;
}

/** Longest part of a value that a message shows. */
const shownLength = 80;

function show(value: unknown): string {
  if (typeof value === "object") return kindOf(value);
  const text = JSON.stringify(value);
  // The user information of a URL is often a password.
  const safe = text.replaceAll(/\/\/[^/\s"]*@/g, "//...@");
  return safe.length > shownLength ? `${safe.slice(0, shownLength)}..."` : safe;
}

function containerAt(path: readonly PropertyKey[]): string {
  const names = `a map of ${namesBelow(path)}`;
  const pattern = formatPath(path).replaceAll(/\[\d+\]/g, "[]");
  const item = configKeys.find((key) => key.path === `${pattern}[]`);
  if (item !== undefined) return `a list of which each is ${item.allowed}`;
  const isList = configKeys.some((key) => key.path.startsWith(`${pattern}[]`));
  return isList ? `a list whose items are ${names}` : names;
}

function namesBelow(path: readonly PropertyKey[]): string {
  return [...new Set(keysBelow(path).map(({ name }) => name))].join(", ");
}

function keysBelow(
  path: readonly PropertyKey[],
): { readonly name: string; readonly key: ConfigKey }[] {
  const prefix = formatPath(path).replaceAll(/\[\d+\]/g, "[]");
  return configKeys.flatMap((key) => {
    if (prefix !== "" && !/^[.[]/.test(key.path.slice(prefix.length))) return [];
    if (!key.path.startsWith(prefix)) return [];
    const [name] = key.path
      .slice(prefix.length)
      .split(/[.[\]]+/)
      .filter(Boolean);
    return name === undefined ? [] : [{ name, key }];
  });
}

/** The sibling whose name is nearest, else a key elsewhere that has this very name. */
function nearestKey(path: readonly PropertyKey[]): string | undefined {
  const last = plain(String(path.at(-1)));
  const parent = path.slice(0, -1);
  const [nearest] = keysBelow(parent)
    .map(({ name }) => ({ name, distance: editDistance(last, plain(name)) }))
    .sort((a, b) => a.distance - b.distance);
  if (nearest !== undefined && nearest.distance <= Math.min(3, last.length / 2)) {
    return qualified(formatPath([...parent, nearest.name]));
  }
  const elsewhere = configKeys.find((key) => plain(key.path.split(".").at(-1) ?? "") === last);
  return elsewhere === undefined ? undefined : qualified(elsewhere.path);
}

function plain(name: string): string {
  return name.replaceAll(/[_-]/g, "").toLowerCase();
}

/** Levenshtein distance: insertions, deletions and replacements that turn one text into the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [line, letter] of [...from].entries()) {
    const next = [line + 1];
    for (const [column, other] of [...to].entries()) {
      const replaced = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
