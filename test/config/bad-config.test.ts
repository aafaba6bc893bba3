import { describe, expect, it } from "vitest";

import { ConfigError } from "../../infra/config/messages.ts";
import { parseConfig } from "../../infra/config/parse.ts";
import type { ConfigOrigin } from "../../infra/config/parse.ts";
import { badAws } from "./bad-inputs/aws.ts";
import { badDatabase } from "./bad-inputs/database.ts";
import { badEntry } from "./bad-inputs/entry.ts";
import { badJudgement } from "./bad-inputs/judgement.ts";
import { badPods } from "./bad-inputs/pods.ts";
import { badPools } from "./bad-inputs/pools.ts";
import { badRollout } from "./bad-inputs/rollout.ts";
import { badRouter } from "./bad-inputs/router.ts";
import { runPulumiConfig } from "./pulumi-config.ts";
import { sampleOrigin, sampleWith } from "./sample-config.ts";

const badInputs = {
  ...badRollout,
  ...badPools,
  ...badPods,
  ...badRouter,
  ...badEntry,
  ...badDatabase,
  ...badJudgement,
  ...badAws,
};

function problemsOf(raw: Record<string, unknown>, origin: ConfigOrigin): ConfigError["problems"] {
  try {
    parseConfig(raw, origin);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

describe("a bad configuration", () => {
  it("is of many kinds, each with a message of its own", () => {
    const messages = Object.values(badInputs).map(({ message }) => message);
    expect(messages.length).toBeGreaterThan(100);
    const same = messages.filter((message, index) => messages.indexOf(message) !== index);
    expect(same).toEqual([]);
  });

  it.each(Object.entries(badInputs))(
    "is refused with key, value, what is allowed and the command: %s",
    (_, { change, message, origin }) => {
      const problems = problemsOf(sampleWith(change), { ...sampleOrigin, ...origin });
      expect(problems.map(({ sentence }) => sentence)).toContain(message);
    },
  );

  it.each(Object.entries(badInputs))("is mended by the commands that it names: %s", (_, bad) => {
    const { clearPaths, ...origin } = { ...sampleOrigin, ...bad.origin };
    const config = { raw: sampleWith(bad.change), secretKeys: new Set(origin.secretKeys) };
    // A token that was stored in clear is only replaced in the stack's file, so the first round alone sees it.
    let problems = problemsOf(config.raw, {
      ...origin,
      ...(clearPaths === undefined ? {} : { clearPaths }),
    });
    expect(problems).not.toEqual([]);
    for (let round = 0; problems.length > 0 && round < 4; round += 1) {
      for (const { sentence } of problems) {
        runPulumiConfig(config, sentence.split("; run: ")[1] ?? "");
      }
      problems = problemsOf(config.raw, { ...origin, secretKeys: config.secretKeys });
    }
    expect(problems).toEqual([]);
  });

  it("is answered with all its problems at once, under the stack's name", () => {
    const raw = sampleWith({
      stage: "p33",
      "pool/port": 0,
      "v1/replicas": 0,
      "v1/imgae": "x",
      "images/tools": undefined,
      "router/agentToken": undefined,
    });
    const keys = problemsOf(raw, sampleOrigin).map(({ path }) => path.join("."));
    expect(keys.sort()).toEqual([
      "images.tools",
      "pool.port",
      "router.agentToken",
      "stage",
      "v1.imgae",
      "v1.replicas",
    ]);
    expect(() => parseConfig(raw, sampleOrigin)).toThrow(
      /^The configuration of stack dev has 6 problems; nothing was changed\./,
    );
  });

  it("is answered for a stack that cannot name a namespace", () => {
    expect(() => parseConfig(sampleWith({}), { ...sampleOrigin, stack: "My_Stack" })).toThrow(
      /1 problem;[^]*The stack is unusable: The stack name "My_Stack" cannot name a Kubernetes/,
    );
  });
});
