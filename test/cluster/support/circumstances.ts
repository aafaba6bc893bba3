import type { Circumstance } from "../../../scripts/rehearsal/fault-trial.ts";
import { cutNetwork } from "../../../scripts/rehearsal/pod-network.ts";
import { podsOf } from "../../../scripts/rehearsal/pods.ts";
import { killPod } from "./pods.ts";
import type { StackUnderTest } from "./stack-under-test.ts";

const apiServer = "kube-apiserver";

/** What else is broken while V2 fails, by name. */
export function guardCircumstances(
  test: StackUnderTest,
): Readonly<Record<string, () => Circumstance>> {
  const { environment, stack } = test;
  const { commands } = stack;
  const guards = () => podsOf(commands, "guard");
  const kill = async (pods: readonly { name: string; uid: string }[]) => {
    for (const { uid } of pods) killPod(uid);
    const names = pods.map(({ name }) => name);
    await commands.kubectl(["delete", "pod", "--force", "--grace-period=0", ...names]);
  };
  const leader = async () => {
    const path = "jsonpath={.spec.holderIdentity}";
    const { output } = await commands.kubectl(["get", "lease", "guard", "--output", path]);
    const found = (await guards()).find(({ name }) => name === output.trim());
    if (found === undefined) throw new Error(`No guard is the holder of the Lease, ${output}.`);
    return found;
  };
  const nothing = () => Promise.resolve();
  const cut = (whose: () => Promise<string[]>, targets?: readonly string[]): Circumstance => {
    let mend: (() => Promise<void>)[] = [];
    return {
      async begin() {
        mend = await Promise.all((await whose()).map((uid) => cutNetwork(uid, targets)));
      },
      async end() {
        await Promise.all(mend.map((one) => one()));
      },
    };
  };
  return {
    "nothing else": () => ({ begin: nothing, end: nothing }),
    "one guard killed": () => ({ begin: async () => kill([await leader()]), end: nothing }),
    "both killed and back": () => ({ begin: async () => kill(await guards()), end: nothing }),
    "leader partitioned": () => cut(async () => [(await leader()).uid]),
    "API server away": () => ({
      begin: () => environment.killComponent(apiServer),
      end: () => environment.startComponent(apiServer),
    }),
    "database away": () =>
      cut(async () => (await guards()).map(({ uid }) => uid), [environment.postgres.host]),
  };
}
