import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { parseOptions } from "../../scripts/lib/verb.ts";
import { verbGroups } from "../../scripts/lib/verbs.ts";
import { runScript } from "../lib/run-script.ts";

const listed = verbGroups.flatMap(({ verbs }) => Object.keys(verbs));

describe("help", () => {
  it("lists every npm script, each once, and nothing else", async () => {
    const manifest = await readFile(new URL("../../package.json", import.meta.url), "utf8");
    const { scripts } = JSON.parse(manifest) as { scripts: Record<string, string> };
    expect([...listed].sort()).toEqual(Object.keys(scripts).sort());
    const { stdout, code } = await runScript("help", []);
    expect(code).toBe(0);
    for (const name of Object.keys(scripts)) expect(stdout).toContain(`npm run ${name} `);
  });

  it("explains a verb with its options, as the verb itself does", async () => {
    const byHelp = await runScript("help", ["brake"]);
    expect(byHelp).toEqual(await runScript("brake", ["--help"]));
    expect(byHelp.code).toBe(0);
    expect(byHelp.stdout).toContain("--stack <name>");
    expect(byHelp.stdout).toContain("Exit codes:");
  });

  it("explains what is no program of ours by its command", async () => {
    const { stdout } = await runScript("help", ["check"]);
    expect(stdout).toContain("Runs: npm run check:format");
  });

  it("refuses a name that is no verb", async () => {
    const { stderr, code } = await runScript("help", ["deploy-everything"]);
    expect(code).toBe(2);
    expect(stderr).toContain('"deploy-everything" is no verb; there are: rehearse');
  });
});

describe("options", () => {
  const verb = {
    name: "status",
    description: "",
    options: {
      dryRun: { help: "", schema: z.boolean().default(false) },
      readyTimeout: {
        help: "",
        placeholder: "s",
        schema: z.coerce.number().min(1, "use 1 or more"),
      },
      id: { help: "", placeholder: "id", multiple: true, schema: z.array(z.string()).optional() },
    },
  } as const;

  it("are written in kebab-case and converted", () => {
    const values = parseOptions(verb, ["--dry-run", "--ready-timeout", "7", "--id=a", "--id", "b"]);
    expect(values).toEqual({ dryRun: true, readyTimeout: 7, id: ["a", "b"] });
  });

  it.each([
    [["--ready-timeout", "0"], '--ready-timeout is "0": use 1 or more'],
    [["--ready-timeout", "1", "--no-such"], "Unknown option '--no-such'. Options: --dry-run"],
    [["--ready-timeout"], "argument missing"],
    [["--ready-timeout", "1", "word"], "Unexpected argument 'word'"],
    [["--ready-timeout", "1", "--dry-run=yes"], "does not take an argument"],
  ])("%j are refused with a sentence", (argv, message) => {
    expect(() => parseOptions(verb, argv)).toThrow(message);
    expect(() => parseOptions(verb, argv)).toThrow("npm run status -- --help");
  });
});
