import fc from "fast-check";
import { expect, it } from "vitest";

import { ConfigError } from "../../../infra/config/messages.ts";
import { parseConfig } from "../../../infra/config/parse.ts";
import { sampleSecrets } from "../sample-config.ts";
import { routingFaults } from "./expected-routes.ts";
import { generatedConfig } from "./generated-config.ts";
import type { GeneratedConfig } from "./generated-config.ts";

const runs = 5_000;

/** What a sentence says of a value: what would be accepted, or that the key itself is not. */
const remedy =
  /but must (be|have|not)|; use |did you mean|is not a key of this program|cannot be set|needs --path/;

/** What is wrong with the messages about a refused configuration. */
function messageFaults({ problems, message }: ConfigError): string[] {
  const faults = problems.flatMap(({ sentence }) => {
    const [finding = "", fix = ""] = sentence.split(/; run: (?=pulumi )/);
    const named = /^(pool-migration:\S|The stack is unusable: )/.test(finding);
    const advised = /^pulumi (config (set|rm) .*pool-migration:|stack rename )/s.test(fix);
    return named && advised && (remedy.test(finding) || finding.startsWith("The stack"))
      ? []
      : [`no clear message: ${sentence}`];
  });
  if (problems.length === 0) faults.push("refused for nothing");
  if (/undefined|\[object/.test(message)) faults.push(`not for people: ${message}`);
  if (Object.values(sampleSecrets).some((secret) => message.includes(secret))) {
    faults.push("shows a secret");
  }
  return faults;
}

/** Faults of one configuration's outcome; throws where the loader or the model does. */
function outcomeOf({ raw, origin }: GeneratedConfig): {
  accepted: boolean;
  faults: readonly string[];
} {
  try {
    return { accepted: true, faults: routingFaults(raw, parseConfig(raw, origin)) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { accepted: false, faults: messageFaults(error) };
  }
}

it(
  `${runs} generated configurations are refused with clear words or lead to correct routes`,
  { timeout: 300_000 },
  () => {
    const outcomes = { accepted: 0, refused: 0 };
    fc.assert(
      fc.property(generatedConfig, (config) => {
        const { accepted, faults } = outcomeOf(config);
        outcomes[accepted ? "accepted" : "refused"] += 1;
        if (faults.length > 0) throw new Error(faults.join("\n"));
      }),
      { numRuns: runs },
    );
    // Neither half of the promise may go untested because the other takes all runs.
    expect(outcomes.accepted / runs).toBeGreaterThan(0.2);
    expect(outcomes.refused / runs).toBeGreaterThan(0.2);
    expect(outcomes.accepted + outcomes.refused).toBe(runs);
  },
);
