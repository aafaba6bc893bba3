import { expect, it } from "vitest";
import { runScript } from "../lib/run-script.ts";

it("lists what it would try", async () => {
  const { code, stdout } = await runScript("faults", ["--dry-run"]);
  expect(code).toBe(0);
  expect(stdout.trimEnd().split("\n")).toEqual([
    "p5    V2 fails always",
    "p5    V2 fails 20 %",
    "p5    V2 breaks every program",
    "p25   V2 takes three times V1's p95",
    "p25   V2 hangs",
    "p25   V2 crashes again and again",
    "p25   both sides fail half of their requests",
    "p100  V2 leaks",
  ]);
  const chosen = await runScript("faults", ["--dry-run", "--only", "leaks"]);
  expect(chosen.stdout).toBe("p100  V2 leaks\n");
});

it.each([
  [
    ["--only", "sun"],
    'faults: --only is "sun": no fault is named so; use a part of "V2 fails always"',
  ],
  [["--rate", "1000"], '--rate is "1000": use a number from 20 to 500'],
])("refuses %j", async (argv, sentence) => {
  const { code, stderr } = await runScript("faults", argv);
  expect(code).toBe(2);
  expect(stderr).toContain(sentence);
});
