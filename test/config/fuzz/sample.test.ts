import { it } from "vitest";

import { expectClearOutcomes } from "./outcomes.ts";

/** A sample of what `npm run test:long` does with 100,000. */
const runs = 2000;

it.each(["maps", "text"] as const)(
  `${runs} generated configurations as %s are refused with clear words or lead to correct routes`,
  { timeout: 120_000 },
  (form) => {
    expectClearOutcomes(form, runs);
  },
);
