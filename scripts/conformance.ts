import { z } from "zod";
import { startCommand } from "./conformance/command.ts";
import { describeResult, describeRules, summarize } from "./conformance/report.ts";
import { runConformance, Unreachable } from "./conformance/run-conformance.ts";
import { rules } from "./conformance/rules.ts";
import { exitCodes, runVerb, VerbError } from "./lib/verb.ts";

const url = z.url({
  protocol: /^https?$/,
  error: "must be a URL such as http://127.0.0.1:8080",
});
const ruleNames = rules.map(({ name }) => name);

const verb = {
  name: "conformance",
  description: `
Checks a pool against the pool contract, over HTTP alone: the shape of each operation, every error that can be
caused from outside, idempotency, sessions, and with --admin-url also probes, metrics, drain, crashes of
workers. It creates sessions of its own and reads nobody else's. With --admin-url it drains the pool and,
where the image has fault switches, breaks it: only for a pool that serves nobody. Without a breaker, fault
switches or --exec the rules that need them are skipped, with the reason.`,
  options: {
    url: { help: "data port of the pool", placeholder: "url", schema: url.optional() },
    adminUrl: { help: "admin port of the pool", placeholder: "url", schema: url.optional() },
    side: {
      help: "v1 or v2: what X-Pool-Version must say; without it either",
      placeholder: "side",
      schema: z.enum(["v1", "v2"], { error: "must be v1 or v2" }).optional(),
    },
    exec: {
      help: "start the pool with this command line first; the last rule ends it by SIGTERM",
      placeholder: "command",
      schema: z.string().min(1).optional(),
    },
    only: {
      help: "check only this rule; may be given several times",
      placeholder: "rule",
      multiple: true as const,
      schema: z.array(z.enum(ruleNames, { error: "is no rule; --list shows them" })).optional(),
    },
    list: { help: "list the rules and what they demand", schema: z.boolean().default(false) },
    json: { help: "print the result as JSON", schema: z.boolean().default(false) },
  },
};

await runVerb(verb, async (options, signal) => {
  const print = (value: unknown, text: string): void => {
    process.stdout.write(`${options.json ? JSON.stringify(value, undefined, 2) : text}\n`);
  };
  if (options.list) {
    print(
      rules.map(({ name, demand, needs = [] }) => ({ rule: name, demand, needs })),
      describeRules(rules),
    );
    return exitCodes.done;
  }
  if (options.url === undefined) {
    throw new VerbError(
      exitCodes.refused,
      "--url is missing: the data port of the pool, such as http://127.0.0.1:8080",
    );
  }
  const { only, side, adminUrl } = options;
  const command = options.exec === undefined ? undefined : startCommand(options.exec);
  try {
    if (command) await command.answers(options.url, signal);
    const onResult = options.json
      ? {}
      : {
          onResult: (result: Parameters<typeof describeResult>[0]) =>
            void process.stdout.write(`${describeResult(result)}\n`),
        };
    const target = { url: options.url, adminUrl, side, only, process: command?.process, signal };
    const result = await runConformance({ ...target, ...onResult });
    print(result, summarize(result));
    if (result.counts.failed > 0) return exitCodes.gateFailed;
    return result.conforms ? exitCodes.done : exitCodes.refused;
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    throw new VerbError(
      exitCodes.infrastructure,
      `the pool cannot be reached: ${error.message}. Is it running, and is the URL right?`,
    );
  } finally {
    command?.kill();
  }
});
