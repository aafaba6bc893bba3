import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { format, resolveConfig } from "prettier";
import { describe, expect, it } from "vitest";
import { configurationTable, replaceSection, verbTable } from "../lib/reference-tables.ts";

const path = new URL("../../README.md", import.meta.url).pathname;

describe("README", () => {
  it("lists every verb and every configuration key as the code has them", async () => {
    const text = await readFile(path, "utf8");
    const withVerbs = replaceSection(text, "verbs", verbTable());
    const fresh = replaceSection(withVerbs, "configuration", configurationTable());
    const formatted = await format(fresh, { ...(await resolveConfig(path)), parser: "markdown" });
    await expect(formatted).toMatchFileSnapshot(path);
  });

  it("names only commands that exist", async () => {
    const text = await readFile(path, "utf8");
    const manifest = await readFile(new URL("../../package.json", import.meta.url), "utf8");
    const { scripts } = JSON.parse(manifest) as { scripts: Record<string, string> };
    const named = [...text.matchAll(/npm run ([a-z:]+)/g)].map(([, name]) => name ?? "");
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it("links only to files that exist", async () => {
    const text = await readFile(path, "utf8");
    const targets = [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, target]) => target ?? "");
    expect(targets).toContain("LICENSE");
    const missing = targets.filter((t) => !existsSync(new URL(`../../${t}`, import.meta.url)));
    expect(missing).toEqual([]);
  });
});
