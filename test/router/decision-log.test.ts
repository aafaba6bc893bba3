import { describe, expect, it } from "vitest";
import { isFailedDecision, parseDecisionLine } from "../../infra/rollout/decision-log.ts";

/** A line as Envoy wrote it. */
const written = {
  arm: "worker-v1",
  attempts: 1,
  details: "via_upstream",
  event: "routing_decision",
  flags: "-",
  host: "127.0.0.1:18511",
  method: "GET",
  ms: 3,
  path: "/hello",
  request_id: "40a9a9b9-f9fb-4174-a4de-a40069c92587",
  route: "split-session-safe;r5.7;25",
  served: "v1",
  session_id: "abc",
  status: 200,
  ts: "2026-11-23T15:37:54.767Z",
};

const parse = (changes: object): ReturnType<typeof parseDecisionLine> =>
  parseDecisionLine(JSON.stringify({ ...written, ...changes }));

describe("a line of the decision log", () => {
  it("tells ids, decision, revision, answer and time", () => {
    expect(parse({})).toEqual({
      requestId: written.request_id,
      sessionId: "abc",
      decided: "v1",
      served: "v1",
      fallback: false,
      override: undefined,
      revision: "r5.7",
      percentage: 25,
      hashed: "session",
      retryClass: "safe",
      attempts: 1,
      status: 200,
      flags: "",
      startTime: Date.UTC(2026, 10, 23, 15, 37, 54, 767),
      durationMs: 3,
    });
  });

  it.each([
    ["worker-v2-then-v1", "v2", "v2", false],
    ["worker-v2-then-v1", "v1", "v2", true],
    ["worker-v2-then-v1", null, "v2", false],
    ["worker-v1", "v1", "v1", false],
    ["worker-v2", "v2", "v2", false],
  ])("of arm %s served by %s is decided %s, fallback %s", (arm, served, decided, fallback) => {
    expect(parse({ arm, served })).toMatchObject({ decided, fallback });
  });

  it("of an override is no decision", () => {
    const line = parse({ arm: "worker-v2", served: "v2", route: "override-v2;r5.7;25" });
    expect(line).toMatchObject({ override: "v2", decided: undefined, revision: "r5.7" });
  });

  it("of a request without a route is readable and no decision", () => {
    const nothing = { arm: null, route: null, served: null, session_id: null, attempts: 0 };
    const line = parse({ ...nothing, status: 400, flags: "DPE" });
    expect(line).toMatchObject({ decided: undefined, override: undefined, status: 400 });
    expect(line?.sessionId).toBeUndefined();
  });

  it.each([
    "",
    "{",
    "null",
    "[]",
    '"routing_decision"',
    JSON.stringify({ ...written, event: "other" }),
    JSON.stringify({ ...written, ts: "yesterday" }),
    JSON.stringify({ ...written, status: "200" }),
    `${JSON.stringify(written)}${JSON.stringify(written)}`,
  ])("that is none is told apart: %s", (text) => {
    expect(parseDecisionLine(text)).toBeUndefined();
  });

  it.each([
    [{ status: 200 }, false],
    [{ status: 424 }, false],
    [{ status: 404 }, false],
    [{ status: 500 }, true],
    [{ status: 503, flags: "UH" }, true],
    [{ status: 429 }, true],
    [{ status: 0, flags: "DC" }, true],
    [{ status: 200, flags: "UC" }, true],
    [{ status: 200, flags: "DC" }, false],
    [{ attempts: 2 }, true],
    [{ arm: "worker-v2-then-v1", served: "v1" }, true],
    [{ arm: "worker-v2-then-v1", served: "v2" }, false],
  ])("%j is a failure: %s", (changes, failed) => {
    const line = parse(changes);
    expect(line && isFailedDecision(line)).toBe(failed);
  });
});
