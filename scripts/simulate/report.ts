import { tickSeconds } from "./plan.ts";
import { percent } from "./result.ts";
import type { SimulationResult } from "./result.ts";

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");

const minutes = (value: number | null) => (value === null ? "–" : value.toFixed(1));

/** The result as Markdown: the text of docs/simulation.md. */
export function simulationReport(result: SimulationResult): string {
  const { power, cases, scenarios, goals, seed } = result;
  const others = cases.filter(({ name }) => !power.some((one) => name.startsWith(prefix(one))));
  return `# What the evidence gate does, simulated

Made by \`npm run simulate -- --record\` with the seed ${String(seed)}; the numbers behind it are in
\`simulation.json\`. Each migration is a run of the real evaluation over sticky sessions: one
hour at each of 5, 10, 25, 50 and 75 %, with 1,000 live sessions of 30 minutes mean life and 1,000 requests
a minute unless said otherwise, evaluated every ${String(tickSeconds)} seconds.

- alike: each request fails with 0.5 %
- unequal: 2 % of the sessions fail 20 % of their requests, the others 0.1 %
- lognormal: unequal, and request rates differ as well (standard deviation of the logarithm 1)
- tenants: lognormal, and the sessions stay for the whole migration

## Goals

${table(
  ["Goal", "Measured", "Met"],
  goals.map(({ goal, measured, met }) => [goal, measured, met ? "yes" : "no"]),
)}

## Power

Share of migrations in which the fault, present from 5 % on, was rolled back by the end of 75 %, and the median
time from the begin of 5 %.

${table(
  ["V2 is bad by", "Ratio", "Sessions", "Kind", "Caught", "Median minutes"],
  power.map((one) => [
    one.fault,
    `x${String(one.ratio)}`,
    String(one.sessions),
    one.population,
    percent(one.caught),
    minutes(one.medianMinutes),
  ]),
)}

## Everything else

${table(
  ["Migrations", "Number", "Rolled back", "At most (95 %)", "Median minutes", "By"],
  others.map((one) => [
    one.name,
    String(one.migrations),
    String(one.rollbacks),
    percent(one.upperBound),
    minutes(one.medianMinutes),
    Object.keys(one.causes).sort().join(", ") || "–",
  ]),
)}

## Broken and missing data

${table(
  ["Case", "Verdicts", "As it must be"],
  scenarios.map(({ name, verdicts, ok }) => [name, verdicts.join(", then "), ok ? "yes" : "no"]),
)}
`;
}

function prefix(one: SimulationResult["power"][number]): string {
  return `${one.fault} x${String(one.ratio)}, ${one.population}, ${String(one.sessions)} `;
}
