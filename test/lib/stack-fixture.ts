import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestApiServer } from "./api-server.ts";
import { startApiServer } from "./api-server.ts";
import type { ScriptResult } from "./run-script.ts";
import { startScript, startScriptOnTerminal } from "./run-script.ts";
import type { SimulatedGuard } from "./simulated-guard.ts";
import { deployGuards } from "./simulated-guard.ts";
import type { SimulatedReplica } from "./simulated-router.ts";
import { configMapPath, deployRouters } from "./simulated-router.ts";

/** A deployed stack on a test API server, and a kubeconfig that leads to it as `jane@example.test`. */
export interface StackFixture {
  server: TestApiServer;
  replicas: SimulatedReplica[];
  guards: SimulatedGuard[];
  /** Path of a kubeconfig that leads to it. */
  kubeconfig: string;
  /** Starts a verb against it. */
  start(verb: string, ...argv: string[]): ReturnType<typeof startScript>;
  /** Starts a verb against it on a terminal. */
  startOnTerminal(verb: string, ...argv: string[]): ReturnType<typeof startScript>;
  /** Runs a verb against it to its end. */
  run(verb: string, ...argv: string[]): Promise<ScriptResult>;
  /** `data` of the ConfigMap `brake`. */
  brakeData(): Record<string, string>;
  close(): Promise<void>;
}

/** The user that the kubeconfig's token belongs to. */
export const user = "jane@example.test";

/** Starts the fixture; close it after the test. */
export async function startStack(
  options: Parameters<typeof deployRouters>[1] = {},
): Promise<StackFixture> {
  const directory = await mkdtemp(join(tmpdir(), "stack-"));
  const server = await startApiServer();
  server.users.set("token-of-jane", user);
  const replicas = deployRouters(server, options);
  const guards = deployGuards(server);
  const kubeconfig = join(directory, "kubeconfig");
  await writeFile(
    kubeconfig,
    JSON.stringify({
      "current-context": "test",
      contexts: [{ name: "test", context: { cluster: "test", user: "jane" } }],
      clusters: [{ name: "test", cluster: { server: server.url } }],
      users: [{ name: "jane", user: { token: "token-of-jane" } }],
    }),
  );
  const start = (verb: string, ...argv: string[]) =>
    startScript(verb, argv, { KUBECONFIG: kubeconfig });
  return {
    server,
    replicas,
    guards,
    kubeconfig,
    start,
    startOnTerminal: (verb, ...argv) =>
      startScriptOnTerminal(verb, argv, { KUBECONFIG: kubeconfig }),
    run: (verb, ...argv) => start(verb, ...argv).result,
    brakeData: () =>
      (server.read(configMapPath("brake"))?.["data"] ?? {}) as Record<string, string>,
    async close() {
      await server.close();
      await rm(directory, { recursive: true });
    },
  };
}
