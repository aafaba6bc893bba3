import type { z } from "zod";

import { awsSections } from "./sections/aws.ts";
import { databaseSections } from "./sections/database.ts";
import { judgementSections } from "./sections/judgement.ts";
import { poolSections } from "./sections/pools.ts";
import { rolloutSections } from "./sections/rollout.ts";
import { routerSections } from "./sections/router.ts";

/**
 * Schema of every top-level key of the namespace. Each is parsed on its own, so that problems of several keys are
 * reported together; what concerns more than one key is in rules.ts.
 */
export const sections = {
  ...rolloutSections,
  ...poolSections,
  ...routerSections,
  ...databaseSections,
  ...judgementSections,
  ...awsSections,
} as const;

/** Name of a top-level key. */
export type SectionName = keyof typeof sections;

/** The checked value of every top-level key; `database` is absent where nothing is set under it. */
export type Sections = {
  [Name in SectionName]: z.output<(typeof sections)[Name]>;
};

/** Sections that could be parsed; the others have problems of their own. */
export type ParsedSections = { readonly [Name in SectionName]?: Sections[Name] | undefined };
