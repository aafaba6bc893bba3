import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { predictSide } from "../../infra/rollout/decision.ts";
import { parseRolloutHeader } from "../../infra/rollout/rollout-record.ts";
import type { RouteFiles } from "../../scripts/agents/router/route-files.ts";
import { headerOf, sendAll } from "./support/pipelined-client.ts";
import { World } from "./support/world.ts";

describe("a swap of the routes under load", () => {
  let world: World;
  let routes: RouteFiles;

  beforeAll(async () => {
    world = await World.create();
    await world.useQuickPools();
    routes = await world.startEnvoy(0);
  });

  afterAll(() => world.destroy());

  it(
    "loses no request, and every answer agrees with the revision that it names",
    { timeout: 120_000 },
    async () => {
      const sessions = Array.from({ length: 6_000 }, (_, index) => `session-${index}`);
      const load = sendAll(
        world.settings.ports.listener,
        sessions.map((session) => [["x-session-id", session]]),
      );
      let finished = false;
      const swaps = async (): Promise<Map<string, number>> => {
        const written = new Map([["r1.1", 0]]);
        for (let number = 2; !finished; number += 1) {
          const revision = `r${number}.1`;
          const percentage = (number * 37) % 101;
          written.set(revision, percentage);
          await world.swap(routes, revision, percentage);
        }
        return written;
      };
      const [answers, written] = await Promise.all([
        load.finally(() => (finished = true)),
        swaps(),
      ]);
      const named = answers.map((answer) => parseRolloutHeader(headerOf(answer, "x-rollout")));
      const wrong = answers.filter((answer, index) => {
        const { revision = "", percentage = -1 } = named[index] ?? {};
        if (answer.status !== 200 || written.get(revision) !== percentage) return true;
        const sessionId = sessions[index];
        const { side } = predictSide({ sessionId, requestId: "", percentage });
        return headerOf(answer, "x-served-by") !== side;
      });
      expect(answers).toHaveLength(sessions.length);
      expect(wrong).toEqual([]);
      expect(new Set(named.map((header) => header?.revision)).size).toBeGreaterThan(3);
    },
  );
});
