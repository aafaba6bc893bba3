import { it } from "vitest";

import { expectClearOutcomes } from "./outcomes.ts";

const runs = 50_000;

it(
  `${runs} generated configurations as maps are refused with clear words or lead to correct routes`,
  { timeout: 600_000 },
  () => {
    expectClearOutcomes("maps", runs);
  },
);
