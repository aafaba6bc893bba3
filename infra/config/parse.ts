import type { z } from "zod";

import { namespaceName } from "../rollout/names.ts";
import { assemble } from "./assemble.ts";
import type { MigrationConfig } from "./migration-config.ts";
import { configKeys, formatPath } from "./keys.ts";
import {
  badName,
  ConfigError,
  inClear,
  invalid,
  missing,
  placeholder,
  problem,
  unknownKey,
} from "./messages.ts";
import type { Problem } from "./messages.ts";
import { ruleProblems } from "./rules.ts";
import { sections } from "./schema.ts";
import type { ParsedSections, SectionName, Sections } from "./schema.ts";

/** Where a configuration comes from. */
export interface ConfigOrigin {
  /** Name of the Pulumi stack. */
  readonly stack: string;
  /** Top-level keys that hold at least one secret, as the engine tells the program. */
  readonly secretKeys: ReadonlySet<string>;
  /** Paths of secrets that the stack's file holds in clear; the engine does not tell them from encrypted siblings. */
  readonly clearPaths?: readonly string[];
}

/**
 * Checks a whole configuration.
 *
 * @param raw top-level keys without their namespace; maps and lists as such or as JSON, as Pulumi hands them over
 * @returns the configuration, its secrets as plain text
 * @throws ConfigError that lists every problem
 */
export function parseConfig(
  raw: Readonly<Record<string, unknown>>,
  origin: ConfigOrigin,
): MigrationConfig<string> {
  const problems: Problem[] = [...stackProblems(origin.stack)];
  const parsed: Partial<Record<SectionName, unknown>> = {};
  for (const name of Object.keys(raw)) {
    if (!Object.hasOwn(sections, name)) problems.push(unknownKey([name]));
  }
  for (const name of Object.keys(sections) as SectionName[]) {
    const value = decode(name, raw[name]);
    if (name === "database" && isEmptyMap(value)) continue;
    const own = [...placeholderProblems([name], value), ...clearProblems(name, value, origin)];
    const seen = new Set(own.map(({ path }) => formatPath(path)));
    const result = raw[name] === undefined ? parseAbsent(name) : sections[name].safeParse(value);
    const found = result.success ? [] : issueProblems(name, value, result.error.issues);
    problems.push(...own, ...found.filter(({ path }) => !seen.has(formatPath(path))));
    if (result.success && own.length === 0) parsed[name] = result.data;
  }
  problems.push(...ruleProblems(parsed as ParsedSections));
  if (problems.length > 0) throw new ConfigError(origin.stack, inOrder(problems));
  return assemble(parsed as Sections, origin.stack);
}

/** Sections that nothing is set under, parsed once: most configurations leave most of them out. */
const absentSections = new Map<SectionName, z.ZodSafeParseResult<unknown>>();

function parseAbsent(name: SectionName): z.ZodSafeParseResult<unknown> {
  const result = absentSections.get(name) ?? sections[name].safeParse(decode(name, undefined));
  absentSections.set(name, result);
  return result;
}

/** In the order of the reference: what is unknown first, then key by key. */
function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const names = Object.keys(sections);
  const place = ({ path }: Problem): number => names.indexOf(String(path[0]));
  return problems.toSorted((a, b) => place(a) - place(b));
}

/** Pulumi hands maps and lists over as JSON. Text that is none stays text, and fails the schema. */
function decode(name: SectionName, value: unknown): unknown {
  if (name === "stage" || name === "profile") return value;
  if (value === undefined) return name === "stages" ? [] : {};
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

function issueProblems(
  section: SectionName,
  value: unknown,
  issues: readonly z.core.$ZodIssue[],
): readonly Problem[] {
  return issues.flatMap((issue): Problem[] => {
    const path = [section, ...issue.path];
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((name) => unknownKey([...path, name]));
    }
    if (issue.code === "invalid_key") {
      return [badName(path)];
    }
    const actual = valueAt(value, issue.path);
    return [actual === undefined ? missing(path) : invalid(path, actual)];
  });
}

/** Profiles' files mark what people have to fill in as `<what belongs here>`. */
function placeholderProblems(path: readonly PropertyKey[], value: unknown): readonly Problem[] {
  if (typeof value === "string") {
    return /^\s*<[^<>]*>\s*$/.test(value) ? [placeholder(path, value)] : [];
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) =>
    placeholderProblems([...path, Array.isArray(value) ? Number(name) : name], inner),
  );
}

/** Paths of the values that must be secrets. */
const secretPaths = configKeys
  .filter(({ secret }) => secret === "required")
  .map(({ path }) => path.split("."));

function clearProblems(
  section: SectionName,
  value: unknown,
  { secretKeys, clearPaths = [] }: ConfigOrigin,
): readonly Problem[] {
  return secretPaths
    .filter((path) => {
      if (path[0] !== section) return false;
      const held = valueAt(value, path.slice(1));
      if (held === undefined || held === null || held === "") return false;
      return !secretKeys.has(section) || clearPaths.includes(path.join("."));
    })
    .map((path) => inClear(path));
}

function stackProblems(stack: string): readonly Problem[] {
  try {
    namespaceName(stack);
    return [];
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return [problem([], `is unusable: ${error.message}`, "pulumi stack rename dev")];
  }
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (inner, part) =>
      typeof inner === "object" && inner !== null ? Reflect.get(inner, part) : undefined,
    value,
  );
}

function isEmptyMap(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
