import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import type { RouterFiles } from "../../../infra/rollout/envoy-bootstrap.ts";
import { envoyArguments } from "../../../infra/rollout/envoy-bootstrap.ts";
import type { RouterSettings } from "../../../infra/rollout/router-settings.ts";
import { ensureEnvoy } from "../../../scripts/local/tools/envoy.ts";
import { waitUntil } from "./wait-until.ts";

/** A real Envoy with the arguments of the router pod. */
export class EnvoyProcess {
  /** What it wrote to standard error. */
  output = "";
  private readonly settings: RouterSettings;
  private readonly files: RouterFiles;
  private process: ChildProcess | undefined;

  constructor(settings: RouterSettings, files: RouterFiles) {
    this.settings = settings;
    this.files = files;
  }

  /** Starts it and waits until it takes requests. */
  async start(): Promise<void> {
    const binary = await ensureEnvoy();
    const args = [...envoyArguments(this.settings, this.files), "-l", "warning"];
    const child = spawn(binary, args, { stdio: ["ignore", "ignore", "pipe"] });
    this.process = child;
    child.stderr.setEncoding("utf8").on("data", (text: string) => (this.output += text));
    const ready = `http://127.0.0.1:${this.settings.ports.readiness}/ready`;
    await waitUntil("Envoy to be ready", async () => {
      return child.exitCode !== null || (await fetch(ready)).ok;
    });
    if (child.exitCode !== null) throw new Error(`Envoy ended: ${this.output}`);
  }

  /** Ends it and waits until it is gone. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const { process: child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, "exit");
    child.kill(signal);
    await gone;
  }

  /** Answer of the admin interface. */
  async admin(path: string, method = "GET"): Promise<string> {
    const url = `http://127.0.0.1:${this.settings.ports.admin}${path}`;
    return (await fetch(url, { method })).text();
  }
}
