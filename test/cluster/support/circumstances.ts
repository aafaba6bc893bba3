import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Circumstance } from "../../../scripts/rehearsal/fault-trial.ts";
import { killPod, podsOf, processesOfPod } from "./pods.ts";
import type { StackUnderTest } from "./stack-under-test.ts";

const run = promisify(execFile);
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

/**
 * Lets a pod's packets to some addresses vanish: to all, where none are named.
 * @returns lets them through again
 */
async function cutNetwork(uid: string, targets?: readonly string[]): Promise<() => Promise<void>> {
  const [pid] = processesOfPod(uid);
  if (pid === undefined) throw new Error(`No process runs in the pod ${uid}.`);
  const ip = async (...args: string[]) => {
    const { stdout } = await run("nsenter", ["--target", String(pid), "--net", "ip", ...args]);
    return stdout;
  };
  const routes = JSON.parse(await ip("-json", "route", "show")) as { dst: string }[];
  const holes =
    targets ?? routes.flatMap(({ dst }) => halves(dst === "default" ? "0.0.0.0/0" : dst));
  for (const hole of holes) await ip("route", "add", "blackhole", hole);
  return async () => {
    await ip("route", "flush", "type", "blackhole");
  };
}

/** The two halves of a network, which are more specific than the route to it. */
function halves(network: string): string[] {
  const [address = "", length = "32"] = network.split("/");
  if (length === "32") return [];
  const first = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  const bits = Number(length) + 1;
  return [first, first + 2 ** (32 - bits)].map(
    (number) =>
      `${[24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".")}/${String(bits)}`,
  );
}
