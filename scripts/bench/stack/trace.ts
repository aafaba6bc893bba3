import { unionLength } from "../statistics.ts";

/** A span of the engine's trace; times in milliseconds since 1970. */
export interface Span {
  readonly name: string;
  readonly begin: number;
  readonly end: number;
  readonly attributes: Readonly<Record<string, string>>;
}

interface OtlpSpan {
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly {
    readonly key: string;
    readonly value: { readonly stringValue?: string };
  }[];
}

interface OtlpLine {
  readonly resourceSpans: readonly {
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

/** Reads a file that `pulumi --otel-traces file://…` wrote: a line of OTLP JSON for each batch of spans. */
export function parseTrace(text: string): Span[] {
  const lines = text.split("\n").filter((line) => line !== "");
  return lines
    .flatMap((line) => (JSON.parse(line) as OtlpLine).resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans))
    .map(({ name, startTimeUnixNano, endTimeUnixNano, attributes = [] }) => ({
      name,
      begin: milliseconds(startTimeUnixNano),
      end: milliseconds(endTimeUnixNano),
      attributes: Object.fromEntries(
        attributes.map(({ key, value }) => [key, value.stringValue ?? ""]),
      ),
    }))
    .sort((a, b) => a.begin - b.begin);
}

/** Nanoseconds since 1970 do not fit a number exactly. */
function milliseconds(nanoseconds: string): number {
  return Number(BigInt(nanoseconds) / 1000n) / 1000;
}

/** Where the time of an update goes, seconds. The four parts do not overlap and add up to the total. */
export interface UpdateParts {
  readonly totalSeconds: number;
  /** A provider starts, or works on a call. */
  readonly providerSeconds: number;
  /** The program runs, from the start of its process to its end, and waits for nobody. */
  readonly programSeconds: number;
  /** The language host starts or answers. */
  readonly languageHostSeconds: number;
  /** All else: the engine's own start and end, its steps, its state. */
  readonly engineSeconds: number;
}

/** A moment or a stretch of an update, seconds since its begin. */
interface TimelineEntry {
  readonly what: string;
  readonly beginSeconds: number;
  readonly endSeconds: number;
}

/** Calls of one method of a provider. */
interface CallCount {
  readonly method: string;
  readonly calls: number;
  /** Sum over calls that may have been made side by side. */
  readonly seconds: number;
}

/** An update as its trace tells it. */
export interface TracedUpdate extends UpdateParts {
  readonly timeline: readonly TimelineEntry[];
  readonly providerCalls: readonly CallCount[];
}

const runMethod = "pulumirpc.LanguageRuntime/Run";
const languageHost = "pulumirpc.LanguageRuntime/";
const provider = "pulumirpc.ResourceProvider/";
const registration = "pulumirpc.ResourceMonitor/RegisterResource";

/**
 * Splits an update. A moment counts for the first of: a provider works; the engine works on a registration; the
 * program runs; the language host works; the engine.
 *
 * @param begin start of the command, milliseconds since 1970
 * @param totalSeconds from there to its end
 * @throws Error if the trace is not that of an update
 */
export function splitUpdate(
  spans: readonly Span[],
  begin: number,
  totalSeconds: number,
): TracedUpdate {
  const run = spans.find(({ name }) => name === runMethod);
  if (!run) throw new Error("The engine's trace names no run of a program.");
  const starts = (kind: string) =>
    spans.filter(({ name, attributes }) => name === "newPlugin" && attributes["kind"] === kind);
  const calls = spans.filter(({ name }) => name.startsWith(provider));
  const registrations = spans.filter(({ name }) => name === registration);
  const hostCalls = spans.filter(({ name }) => name.startsWith(languageHost) && name !== runMethod);

  const providing = [...starts("resource"), ...calls];
  const registering = [...providing, ...registrations];
  const running = [...registering, run];
  const hosting = [...running, ...starts("language"), ...hostCalls];
  const providerSeconds = busySeconds(providing);
  const inRegistration = busySeconds(registering) - providerSeconds;
  const programSeconds = busySeconds(running) - busySeconds(registering);
  const languageHostSeconds = busySeconds(hosting) - busySeconds(running);
  const engineSeconds = totalSeconds - busySeconds(hosting) + inRegistration;

  const since = (moment: number) => round((moment - begin) / 1000);
  const entry = (what: string, span: { begin: number; end: number } | undefined) =>
    span ? [{ what, beginSeconds: since(span.begin), endSeconds: since(span.end) }] : [];
  // The SDK registers the stack itself, before it loads the program's own modules.
  const [ofStack, firstOwn] = registrations;
  const timeline = [
    ...starts("language").flatMap((span) => entry("language host starts", span)),
    ...entry("program's process", run),
    ...entry(
      "SDK loads, to the stack's registration",
      ofStack && { begin: run.begin, end: ofStack.begin },
    ),
    ...entry(
      "program's modules load, to its first resource",
      ofStack && firstOwn && { begin: ofStack.end, end: firstOwn.begin },
    ),
    ...entry("registrations", hull(registrations)),
    ...starts("resource").flatMap((span) =>
      entry(`provider ${span.attributes["prefix"] ?? ""} starts`.replace("  ", " "), span),
    ),
    ...entry("provider calls", hull(calls)),
  ];
  return {
    totalSeconds: round(totalSeconds),
    providerSeconds: round(providerSeconds),
    programSeconds: round(programSeconds),
    languageHostSeconds: round(languageHostSeconds),
    engineSeconds: round(engineSeconds),
    timeline: timeline.sort((a, b) => a.beginSeconds - b.beginSeconds),
    providerCalls: countCalls(calls),
  };
}

function busySeconds(spans: readonly Span[]): number {
  return unionLength(spans.map(({ begin, end }) => [begin, end])) / 1000;
}

function hull(spans: readonly Span[]): { begin: number; end: number } | undefined {
  if (spans.length === 0) return undefined;
  return {
    begin: Math.min(...spans.map(({ begin }) => begin)),
    end: Math.max(...spans.map(({ end }) => end)),
  };
}

function countCalls(calls: readonly Span[]): CallCount[] {
  const methods = [...new Set(calls.map(({ name }) => name))];
  return methods
    .map((name) => {
      const own = calls.filter((call) => call.name === name);
      const seconds = own.reduce((sum, { begin, end }) => sum + (end - begin) / 1000, 0);
      return { method: name.slice(provider.length), calls: own.length, seconds: round(seconds) };
    })
    .sort((a, b) => b.seconds - a.seconds);
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
