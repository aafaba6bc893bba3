import { setCommand } from "../../infra/config/messages.ts";
import type { DatabaseConfig } from "../../infra/config/migration-config.ts";
import type { Problem } from "./finding.ts";
import type { Probe, ProbeResult } from "./probe-pod.ts";
import type { PlainConfig } from "./stack-config.ts";

const node = "/usr/local/bin/node";

/**
 * No image has this. A pool's image is not run for a trial: it would open its database and take work. That the
 * container cannot be started says that the image was pulled and may run as a user other than root.
 */
const nothing = "/preflight-starts-nothing";

/** Ends with 0 where the image holds what the router's two containers are started with. */
const routerScript = `
  import { accessSync } from "node:fs";
  import { execFileSync } from "node:child_process";
  for (const name of ["router-agent", "drain"]) accessSync("/app/scripts/agents/" + name + ".ts");
  console.log(execFileSync("/usr/local/bin/envoy", ["--version"], { encoding: "utf8" }).trim());`;

/**
 * Ends with another code where the image does not hold what the guard and the migrations are started with. Else, where
 * there is a database, says what becomes of a connection to it: SSLRequest, answered with S or N
 * (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL).
 */
const toolsScript = `
  import { accessSync } from "node:fs";
  import { connect } from "node:net";
  for (const name of ["guard", "migrate"]) accessSync("/app/scripts/agents/" + name + ".ts");
  const { PGHOST: host, PGPORT: port } = process.env;
  if (host === undefined) process.exit(0);
  const end = (code, text) => { console.log(text); process.exit(code); };
  const socket = connect({ host, port: Number(port), timeout: 8000 });
  socket.on("connect", () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])));
  socket.on("data", (bytes) => end(0, "TLS " + String.fromCharCode(bytes[0])));
  socket.on("timeout", () => end(10, "no answer within 8 s"));
  socket.on("error", (error) => end(10, error.message));
  socket.on("close", () => end(10, "the server closed the connection"));`;

/** Exit code of the tools' probe when the database cannot be reached. */
const unreachableCode = 10;

/** A probe of an image, and the key that names the image. */
export interface ImageProbe extends Probe {
  readonly key: readonly [string, string];
}

/** One probe for each image that the stack's stage needs. */
export function imageProbes(config: PlainConfig): ImageProbe[] {
  const { v1, v2, router } = config;
  const pool = (name: "v1" | "v2", image: string | undefined): ImageProbe[] =>
    image === undefined
      ? []
      : [{ name, key: [name, "image"], image, command: [nothing], own: false }];
  const routerProbe = {
    name: "router",
    key: ["images", "router"],
    command: script(routerScript),
    own: true,
  } as const;
  return [
    ...pool("v1", v1?.image),
    ...pool("v2", v2?.image),
    ...(router.retire ? [] : [{ ...routerProbe, image: router.image }]),
    ...toolsProbes(config),
  ];
}

/** The guard runs from the tools as long as there is a router, the migrations wherever there is a database. */
function toolsProbes({ router, database }: PlainConfig): ImageProbe[] {
  const image = router.retire ? database?.toolsImage : router.toolsImage;
  if (image === undefined) return [];
  const env = database === undefined ? {} : { env: connectionOf(database) };
  const command = script(toolsScript);
  return [{ name: "tools", key: ["images", "tools"], image, command, own: true, ...env }];
}

function script(text: string): readonly string[] {
  return [node, "--input-type=module", "--eval", text];
}

function connectionOf({ host, port }: DatabaseConfig<string>): Record<string, string> {
  return { PGHOST: host, PGPORT: String(port) };
}

/** What is wrong with an image, from what became of its probe; undefined where it can be used. */
export function imageProblem(probe: ImageProbe, result: ProbeResult): Problem | undefined {
  const { key, image } = probe;
  const told = `${key.join(".")} ${image}`;
  const set = setCommand(key, "<image>");
  switch (result.kind) {
    case "notPulled":
      return {
        what: `${told} cannot be pulled by the cluster: ${result.why}`,
        fix: `Push it or give the nodes access to its registry (the pods name no pull secret); or correct it: ${set}`,
      };
    case "refused":
      return {
        what: `${told} is refused by the node: ${result.why}`,
        fix: `Give the image a user by number that is not 0 (Dockerfile: USER 65532), push it under a new tag, and: ${set}`,
      };
    case "late":
      return {
        what: `${told} was not there in time: ${result.why}`,
        fix: "Give it more time (--timeout 600), or mend what the cluster waits for.",
      };
    case "ended":
      if (!probe.own || result.exitCode === 0 || result.exitCode === unreachableCode) return;
      return {
        what: `${told} is not this project's ${probe.name} image: ${lastLine(result.output)}`,
        fix:
          `Build and push it: docker build -f infra/images/Dockerfile --target ${probe.name} -t <image> . ` +
          `&& docker push <image>; then: ${set}`,
      };
  }
}

/** What the tools' probe says about the way from the cluster to the database: nothing, or what is wrong with it. */
export function databaseProblem(
  { host, port, ssl }: DatabaseConfig<string>,
  result: ProbeResult | undefined,
  withoutTls: (address: string) => Problem,
): Problem | "reached" | undefined {
  if (result?.kind !== "ended") return undefined;
  const address = `${host}:${String(port)}`;
  if (result.exitCode === unreachableCode) {
    return {
      what: `From inside the cluster the database at ${address} cannot be reached: ${result.output}.`,
      fix:
        "The migrations run in the cluster: let its pods through (firewall, security group, listen_addresses), " +
        `or name the server as the pods know it: ${setCommand(["database", "host"], "<host>")}`,
    };
  }
  if (result.exitCode !== 0) return undefined;
  return ssl === "require" && result.output.endsWith("TLS N") ? withoutTls(address) : "reached";
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}
