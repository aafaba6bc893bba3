import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { predictSide } from "../../../infra/rollout/decision.ts";
import { parseRolloutHeader } from "../../../infra/rollout/rollout-record.ts";
import type { RouteFiles } from "../../../scripts/agents/router/route-files.ts";
import type { Answer, HeaderLines } from "./pipelined-client.ts";
import { headerOf, sendAll } from "./pipelined-client.ts";
import { World } from "./world.ts";

interface Caller {
  readonly headers: HeaderLines;
  /** What the predictor is given; the request id is read from the answer where the caller sent none. */
  readonly sessionId?: string;
  readonly requestId?: string;
}

/** So many callers of every kind; ids are plain numbers in disguise, so that a failure can be repeated. */
function callers(total: number): Caller[] {
  return Array.from({ length: total }, (_, index) => {
    const requestId = `request-${index}`;
    const id = ["x-request-id", requestId] as const;
    const session = (value: string): Caller => ({
      headers: [["x-session-id", value], id],
      sessionId: value,
      requestId,
    });
    switch (index % 20) {
      case 0:
        return session("");
      case 1:
        return session(`not a session ${index}`);
      case 2:
        return session(`${index}-`.padEnd(129, "x"));
      case 3:
        return session(`${index}-`.padEnd(128, "x"));
      case 4: {
        const [a, b] = [`a${index}`, `b${index}`];
        const headers: HeaderLines = [["x-session-id", a], ["x-session-id", b], id];
        return { headers, sessionId: `${a},${b}`, requestId };
      }
      case 5:
        return { headers: [] };
      case 6:
        return {
          headers: [["x-request-id", `ungewöhnlich ${index}`]],
          requestId: `ungewöhnlich ${index}`,
        };
      case 7:
      case 8:
      case 9:
        return { headers: [id], requestId };
      default:
        return session(`Session.${index}:user_${index % 97}`);
    }
  });
}

/** Those whose answer is not what the predictor says for what the answer itself names. */
function differences(
  all: readonly Caller[],
  answers: readonly Answer[],
  percentage: number,
): string[] {
  return all.flatMap((caller, index) => {
    const answer = answers[index];
    if (answer === undefined) return [`${index}: no answer`];
    const decided = parseRolloutHeader(headerOf(answer, "x-rollout"));
    const requestId = caller.requestId ?? headerOf(answer, "x-request-id");
    const { side } = predictSide({ sessionId: caller.sessionId, requestId, percentage });
    const served = headerOf(answer, "x-served-by");
    const agrees = answer.status === 200 && served === side && decided?.percentage === percentage;
    return agrees ? [] : [`${index}: ${JSON.stringify(caller)} predicted ${side}, ${answer.head}`];
  });
}

/**
 * Declares the test that so many callers are served as the predictor says, at seven percentages.
 *
 * @param total number of callers, at least 2,000: of fewer the share does not show that the percentage is followed
 */
export function describeDecisions(total: number): void {
  describe("decisions of a real Envoy", () => {
    let world: World;
    let routes: RouteFiles;

    beforeAll(async () => {
      world = await World.create();
      await world.useQuickPools();
      routes = await world.startEnvoy(0);
    });

    afterAll(() => world.destroy());

    it(
      `are those of the predictor for ${total.toLocaleString("en")} callers at seven percentages`,
      { timeout: 120_000 },
      async () => {
        const all = callers(total);
        const requests = all.map(({ headers }) => headers);
        const shares: number[] = [];
        for (const [step, percentage] of [0, 5, 10, 25, 50, 75, 100].entries()) {
          await world.swap(routes, `r${step + 2}.1`, percentage);
          const answers = await sendAll(world.settings.ports.listener, requests);
          expect(differences(all, answers, percentage).slice(0, 3)).toEqual([]);
          shares.push(answers.filter((answer) => headerOf(answer, "x-served-by") === "v2").length);
        }
        expect(shares[0]).toBe(0);
        expect(shares.at(-1)).toBe(total);
        // Not a matter of luck: the ids are fixed. It keeps the predictor from agreeing with a router that ignores it.
        expect((shares[3] ?? 0) / total).toBeCloseTo(0.25, 1);
      },
    );
  });
}
