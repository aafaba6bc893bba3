import { describe, expect, it } from "vitest";
import { parseTrace, splitUpdate } from "../../scripts/bench/stack/trace.ts";

const start = 1_795_460_000_000;

/** A span from one moment to another, milliseconds since the command's begin. */
function span(name: string, begin: number, end: number, attributes: Record<string, string> = {}) {
  return {
    name,
    startTimeUnixNano: `${start + begin}000000`,
    endTimeUnixNano: `${start + end}000000`,
    attributes: Object.entries(attributes).map(([key, value]) => ({
      key,
      value: { stringValue: value },
    })),
  };
}

function file(...batches: ReturnType<typeof span>[][]): string {
  return batches
    .map((spans) => `${JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] })}\n`)
    .join("");
}

/** A host for 300 ms, a program for 2.5 s, in it a provider that starts for 500 ms and two calls side by side. */
const update = file(
  [
    span("pulumirpc.ResourceProvider/Check", 2100, 2200),
    span("pulumirpc.ResourceProvider/Update", 2150, 2400),
    span("newPlugin", 100, 400, { kind: "language", prefix: "nodejs" }),
  ],
  [
    span("pulumirpc.LanguageRuntime/Run", 500, 3000),
    span("pulumirpc.ResourceMonitor/RegisterResource", 900, 910),
    span("pulumirpc.ResourceMonitor/RegisterResource", 1500, 2100),
    span("newPlugin", 1500, 2000, { kind: "resource", prefix: "kubernetes (resource)" }),
    span("pulumirpc.ResourceMonitor/RegisterResource", 2100, 2450),
    span("pulumirpc.LanguageRuntime/GetRequiredPackages", 420, 450),
  ],
);

describe("an update's trace", () => {
  const split = splitUpdate(parseTrace(update), start, 4);

  it("is split without overlap, the provider first", () => {
    expect(split).toMatchObject({
      totalSeconds: 4,
      // 0.5 of start, 0.3 of calls
      providerSeconds: 0.8,
      // 2.5 less registrations and provider: 0.01, 0.6, 0.35
      programSeconds: 1.54,
      languageHostSeconds: 0.33,
      // the rest, with 0.16 of registrations in which no provider works
      engineSeconds: 1.33,
    });
    const { providerSeconds, programSeconds, languageHostSeconds, engineSeconds } = split;
    const sum = providerSeconds + programSeconds + languageHostSeconds + engineSeconds;
    expect(sum).toBeCloseTo(split.totalSeconds);
  });

  it("becomes a timeline", () => {
    const lines = split.timeline.map(
      ({ what, beginSeconds, endSeconds }) => `${beginSeconds} to ${endSeconds} ${what}`,
    );
    expect(lines).toEqual([
      "0.1 to 0.4 language host starts",
      "0.5 to 3 program's process",
      "0.5 to 0.9 SDK loads, to the stack's registration",
      "0.9 to 2.45 registrations",
      "0.91 to 1.5 program's modules load, to its first resource",
      "1.5 to 2 provider kubernetes (resource) starts",
      "2.1 to 2.4 provider calls",
    ]);
  });

  it("counts the provider's calls, the longest first", () => {
    expect(split.providerCalls).toEqual([
      { method: "Update", calls: 1, seconds: 0.25 },
      { method: "Check", calls: 1, seconds: 0.1 },
    ]);
  });

  it("is refused where no program ran", () => {
    const spans = parseTrace(file([span("pulumi", 0, 10)]));
    expect(() => splitUpdate(spans, start, 1)).toThrow("names no run of a program");
  });
});
