import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { processesOfPod } from "./pods.ts";

const run = promisify(execFile);

/**
 * Lets a pod's packets to some addresses vanish: to all, where none are named.
 * @returns lets them through again
 */
export async function cutNetwork(
  uid: string,
  targets?: readonly string[],
): Promise<() => Promise<void>> {
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
