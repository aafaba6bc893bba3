/**
 * A stand-in for the engine's Node language host, used only where the official one is not installed beside `pulumi`
 * (it comes with the release download, not with a build from source).
 *
 * Protocol: https://github.com/pulumi/pulumi/blob/master/proto/pulumi/language.proto. The engine starts the
 * executable `pulumi-language-nodejs` with its own address as the only positional argument and reads the port to call
 * from the first line of standard output.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";

import type { sendUnaryData, ServerUnaryCall } from "@grpc/grpc-js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb.js";
import type { RunRequest, RunResponse } from "@pulumi/pulumi/proto/language_pb.js";
import language from "@pulumi/pulumi/proto/language_pb.js";
import plugin from "@pulumi/pulumi/proto/plugin_pb.js";

import { engineAddress } from "../providers/lib/engine-address.ts";
import { servePlugin } from "../providers/lib/serve.ts";
import { describeExit, programArguments, programEnvironment } from "./program.ts";

/** How long a program may take to end after SIGINT. */
const endMilliseconds = 2_000;

const engine = engineAddress("pulumi-language-nodejs");
const programs = new Set<ChildProcess>();

function run(call: ServerUnaryCall<RunRequest, RunResponse>, callback: sendUnaryData<RunResponse>) {
  const request = call.request;
  const directory = request.getInfo()?.getProgramDirectory() ?? request.getPwd();
  const { resolve } = createRequire(join(directory, "index.js"));
  const runner = resolve("@pulumi/pulumi/cmd/run/index.js");
  const child = spawn(process.execPath, programArguments(request, runner, engine), {
    cwd: directory,
    env: programEnvironment(request),
    // The program's own output is shown by the engine, which reads this process's streams.
    stdio: ["ignore", "inherit", "inherit"],
  });
  programs.add(child);
  const answer = ({ error, bail }: { error: string; bail: boolean }) => {
    if (!programs.delete(child)) return;
    const response = new language.RunResponse();
    response.setError(error);
    response.setBail(bail);
    callback(null, response);
  };
  child.on("error", ({ message }) => {
    answer({ error: `The program could not be started: ${message}`, bail: false });
  });
  child.on("exit", (code, signal) => {
    answer(describeExit(code, signal));
  });
  call.on("cancelled", () => child.kill("SIGINT"));
}

/** A program that went on after its host would keep registering resources with an engine that is leaving. */
async function endPrograms(): Promise<void> {
  const ends = [...programs].map((child) => {
    child.kill("SIGINT");
    setTimeout(() => child.kill("SIGKILL"), endMilliseconds);
    return once(child, "exit");
  });
  await Promise.all(ends);
}

servePlugin({
  service: LanguageRuntimeService,
  stop: endPrograms,
  methods: {
    run,
    getRequiredPackages: (_call, callback) => {
      callback(null, new language.GetRequiredPackagesResponse());
    },
    getRequiredPlugins: (_call, callback) => {
      callback(null, new language.GetRequiredPluginsResponse());
    },
    getProgramDependencies: (_call, callback) => {
      callback(null, new language.GetProgramDependenciesResponse());
    },
    getPluginInfo: (_call, callback) => {
      const info = new plugin.PluginInfo();
      info.setVersion("1.0.0");
      callback(null, info);
    },
    about: (_call, callback) => {
      const about = new language.AboutResponse();
      about.setExecutable(process.execPath);
      about.setVersion(process.version);
      callback(null, about);
    },
  },
});
