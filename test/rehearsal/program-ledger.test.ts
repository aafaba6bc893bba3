import { describe, expect, it } from "vitest";
import { ProgramLedger } from "../../scripts/rehearsal/program-ledger.ts";
import { verifyPrograms } from "../../scripts/rehearsal/verify-programs.ts";

describe("the books on programs", () => {
  it("expect what was acknowledged and neither deleted nor uncertain", () => {
    const ledger = new ProgramLedger();
    for (const id of ["a", "b", "c"]) ledger.created("s", id);
    ledger.created(undefined, "x");
    ledger.beginDelete("s", 0)?.deleted();
    expect(ledger.beginDelete("s", 0)?.id).toBe("b"); // never acknowledged: uncertain
    expect(ledger.expectations()).toEqual([
      { sessionId: "s", present: ["c"], deleted: ["a"] },
      { sessionId: undefined, present: ["x"], deleted: [] },
    ]);
  });

  it("never delete a program that is being executed, nor execute one that is being deleted", () => {
    const ledger = new ProgramLedger();
    expect(ledger.beginExecute("s", 0)).toBeUndefined();
    ledger.created("s", "a");
    const execution = ledger.beginExecute("s", 0.99);
    expect(execution?.id).toBe("a");
    expect(ledger.beginDelete("s", 0)).toBeUndefined();
    execution?.done();
    expect(ledger.beginDelete("s", 0)?.id).toBe("a");
    expect(ledger.beginExecute("s", 0)).toBeUndefined();
  });
});

describe("the final check", () => {
  it("names programs that are not listed, do not execute, or came back", async () => {
    const verification = await verifyPrograms(
      [
        { sessionId: "s", present: ["good", "unlisted", "broken"], deleted: ["gone", "undead"] },
        { sessionId: undefined, present: ["shared"], deleted: [] },
      ],
      {
        list: (sessionId) =>
          Promise.resolve(sessionId === "s" ? ["good", "broken", "undead"] : ["shared"]),
        execute: (_sessionId, id) => Promise.resolve(id !== "broken"),
      },
    );
    expect(verification).toEqual({
      type: "verification",
      sessions: 2,
      programs: 4,
      notListed: ["s/unlisted"],
      notExecutable: ["s/broken"],
      reappeared: ["s/undead"],
    });
  });
});
