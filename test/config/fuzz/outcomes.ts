import fc from "fast-check";
import { expect } from "vitest";

import { ConfigError } from "../../../infra/config/messages.ts";
import { parseConfig } from "../../../infra/config/parse.ts";
import { sampleSecrets } from "../sample-config.ts";
import { routingFaults } from "./expected-routes.ts";
import { generatedConfig } from "./generated-config.ts";
import type { Form, GeneratedConfig } from "./generated-config.ts";

/** What a sentence says of a value: what would be accepted, or that the key itself is not. */
const remedy =
  /but must (be|have|not)|; use |did you mean|is not a key of this program|cannot be set|needs --path/;

/** What is wrong with the messages about a refused configuration. */
function messageFaults({ problems, message }: ConfigError): string[] {
  const faults = problems.flatMap(({ sentence }) => {
    const [finding = "", fix = ""] = sentence.split(
      /; run: (?=(?:openssl rand -hex 32 \| )?pulumi )/,
    );
    const named = /^(pool-migration:\S|The stack is unusable: )/.test(finding);
    const advised =
      /^(openssl rand -hex 32 \| pulumi config set --secret .*pool-migration:|pulumi (config (set|rm) .*pool-migration:|stack rename ))/s.test(
        fix,
      );
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

/**
 * Fails with the smallest configuration that it finds which is neither refused with clear words nor leads to correct
 * routes. A failure prints seed and path, with which `fc.assert` finds it again.
 *
 * @param runs number of generated configurations
 */
export function expectClearOutcomes(form: Form, runs: number): void {
  const outcomes = { accepted: 0, refused: 0 };
  fc.assert(
    fc.property(generatedConfig(form), (config) => {
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
}
