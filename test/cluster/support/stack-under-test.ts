import {
  findEnvironment,
  startEnvironment,
  type Environment,
} from "../../../scripts/local/environment.ts";
import { environmentName } from "../../../scripts/local/paths.ts";
import { RunningStack } from "../../../scripts/rehearsal/running-stack.ts";
import { setUpStack, type ReadyStack } from "../../../scripts/rehearsal/stack-set-up.ts";

/** A configured stack in the local environment, under observation. */
export interface StackUnderTest {
  readonly environment: Environment;
  readonly ready: ReadyStack;
  readonly stack: RunningStack;
  /** Removes the stack, and the environment if the test has started it. */
  stop(): Promise<void>;
}

/** Prepares a stack of its own in the environment that runs, or in one that is started for it. */
export async function startStackUnderTest(name: string): Promise<StackUnderTest> {
  const environmentOfTest = environmentName();
  const found = findEnvironment(environmentOfTest);
  const environment = found ?? (await startEnvironment({ name: environmentOfTest }));
  const images = await environment.loadImages();
  const ready = await setUpStack({
    environment,
    images,
    stack: name,
    readyTimeoutSeconds: 60,
  });
  const stack = new RunningStack(environment, ready);
  return {
    environment,
    ready,
    stack,
    async stop() {
      await stack.end();
      await ready.abandon();
      if (!found) await environment.stop();
    },
  };
}
