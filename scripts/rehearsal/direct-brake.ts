import { objectNames } from "../../infra/rollout/names.ts";
import { tokenVariable } from "../lib/brake-directly.ts";
import type { Environment } from "../local/environment.ts";
import type { Progress } from "../local/progress.ts";
import { podsOf } from "./pods.ts";
import type { RunningStack } from "./running-stack.ts";

/** The brake, told to the agents themselves while no API server was there. */
export interface DirectBrakeTrial {
  /** The API server was dead from before the command until every replica applied 0 %. */
  readonly apiServerDown: boolean;
  /** From the start of the verb `brake` until every replica reported 0 %. */
  readonly engageToZeroSeconds: number;
}

/** What the trial works with. */
export interface DirectBrakeOptions {
  readonly stack: RunningStack;
  readonly progress: Progress;
  readonly environment: Environment;
  /** Token of the direct brake. */
  readonly brakeToken: string;
}

/** Port of the agents' interface. */
const agentPort = 9090;

const apiServer = "kube-apiserver";

/** Seconds of load while the brake is engaged, and after its release. */
const holdSeconds = 3;

/** Kills the API server, brakes through the agents, brings the API server back and releases the brake. */
export async function brakeDirectly(options: DirectBrakeOptions): Promise<DirectBrakeTrial> {
  const { stack, progress, environment, brakeToken } = options;
  const { observed, commands } = stack;
  return await progress.step("Brake pulled without an API server", async (detail) => {
    const { percentage = 0 } = observed.rollout ?? {};
    const routers = await podsOf(commands, objectNames.router);
    detail("API server killed, npm run brake -- --agent");
    await environment.killComponent(apiServer);
    const trial = await pull().finally(() => environment.startComponent(apiServer));
    detail("API server back, npm run release");
    await observed.until("the agents to reach the API server again", 30, () =>
      observed.reports.length === routers.length &&
      observed.reports.every(({ apiServer: { reachable } }) => reachable)
        ? true
        : undefined,
    );
    await commands.stackVerb("release", ["--reason", "rehearsal: release", "--yes"]);
    await observed.until(`every router to apply ${percentage} % again`, 10, () =>
      observed.convergedSince(percentage),
    );
    await stack.hold(holdSeconds);
    return trial;

    async function pull(): Promise<DirectBrakeTrial> {
      const agents = routers.flatMap(({ address }) => [
        ...["--agent", `http://${address}:${agentPort}`],
      ]);
      const pulledAt = Date.now();
      await commands.verb("brake", [...agents, "--reason", "rehearsal: direct brake"], {
        variables: { [tokenVariable]: brakeToken },
      });
      const zeroAt = await observed.until("every router to brake", 10, () =>
        observed.brakedSince(),
      );
      await stack.hold(holdSeconds);
      return {
        apiServerDown: environment.componentStates()[apiServer] === false,
        engageToZeroSeconds: (zeroAt - pulledAt) / 1000,
      };
    }
  });
}
