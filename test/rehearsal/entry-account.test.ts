import { describe, expect, it } from "vitest";
import { EntryAccount } from "../../scripts/rehearsal/entry-account.ts";
import type { RequestRecord } from "../../scripts/rehearsal/records.ts";

const direct = (intendedAt: number): RequestRecord => ({
  type: "request",
  requestId: `r-${intendedAt}`,
  operation: "list",
  keyed: false,
  intendedAt,
  durationMs: 1,
  status: 200,
  pool: "v1",
  repeats: 0,
  verdict: "expected",
});

const routed = (intendedAt: number): RequestRecord => ({
  ...direct(intendedAt),
  rollout: "r1.1;0",
});

describe("the account of where callers went", () => {
  it("judges each request by the entry at the time it was planned", () => {
    const account = new EntryAccount();
    account.expect("beside", 0);
    account.expect("changing", 100);
    account.expect("inline", 200);
    // The answer of an early request may arrive late.
    const seen = [direct(250), routed(250), direct(150), routed(150), direct(50), routed(50)];
    expect(seen.map((record) => account.add(record))).toEqual([
      ...[true, false, true],
      ...[false, true, false],
    ]);
    expect(account.totals()).toEqual({ direct: 1, directWhileInline: 1, routedWhileBeside: 1 });
  });

  it("expects the router in the path where nothing was said", () => {
    const account = new EntryAccount();
    account.add(direct(1));
    account.add(routed(2));
    expect(account.totals()).toEqual({ direct: 0, directWhileInline: 1, routedWhileBeside: 0 });
  });

  it("does not take what the router itself answers for a direct answer", () => {
    const account = new EntryAccount();
    const { pool, ...refused } = { ...direct(1), status: 503 };
    expect(pool).toBe("v1");
    expect(account.add(refused)).toBe(false);
    expect(account.totals()).toEqual({ direct: 0, directWhileInline: 0, routedWhileBeside: 0 });
  });
});
