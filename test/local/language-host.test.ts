import struct from "google-protobuf/google/protobuf/struct_pb.js";
import language from "@pulumi/pulumi/proto/language_pb.js";
import { afterEach, describe, expect, it, vi } from "vitest";
import {
  describeExit,
  programArguments,
  programEnvironment,
} from "../../scripts/local/language-host/program.ts";

/** What the engine asks for when it previews a stack. */
function request(options: Record<string, string | boolean> = { typescript: false }) {
  const info = new language.ProgramInfo();
  info.setRootDirectory("/srv/stack");
  info.setProgramDirectory("/srv/stack/infra");
  info.setEntryPoint("index.ts");
  info.setOptions(struct.Struct.fromJavaScript(options));
  const run = new language.RunRequest();
  run.setInfo(info);
  run.setMonitorAddress("127.0.0.1:1");
  run.setProject("pool-migration");
  run.setStack("dev");
  run.setOrganization("organization");
  run.setPwd("/srv/stack/infra");
  run.setParallel(16);
  run.setDryrun(true);
  run.getConfigMap().set("pool-migration:stage", "p5").set("pool-migration:token", "hush");
  run.setConfigsecretkeysList(["pool-migration:token"]);
  return run;
}

afterEach(() => vi.unstubAllEnvs());

describe("the stand-in language host", () => {
  it("runs the SDK's runner with what the engine asks for", () => {
    expect(programArguments(request(), "/sdk/run.js", "127.0.0.1:2")).toEqual([
      "/sdk/run.js",
      "--monitor=127.0.0.1:1",
      "--engine=127.0.0.1:2",
      "--project=pool-migration",
      "--stack=dev",
      "--organization=organization",
      "--pwd=/srv/stack/infra",
      "--root-directory=/srv/stack",
      "--parallel=16",
      "--dry-run",
      "index.ts",
    ]);
  });

  it("gives Node the arguments that the project asks for, and an update no dry run", () => {
    const update = request({ nodeargs: "--trace-warnings --max-old-space-size=512" });
    update.setDryrun(false);
    const args = programArguments(update, "/sdk/run.js", "");
    expect(args.slice(0, 3)).toEqual([
      "--trace-warnings",
      "--max-old-space-size=512",
      "/sdk/run.js",
    ]);
    expect(args).not.toContain("--dry-run");
  });

  it("tells the program its configuration and which keys are secret in the environment only", () => {
    vi.stubEnv("KUBECONFIG", "/kube/config");
    const environment = programEnvironment(request());
    expect(JSON.parse(environment["PULUMI_CONFIG"] ?? "")).toEqual({
      "pool-migration:stage": "p5",
      "pool-migration:token": "hush",
    });
    expect(JSON.parse(environment["PULUMI_CONFIG_SECRET_KEYS"] ?? "")).toEqual([
      "pool-migration:token",
    ]);
    expect(environment["PULUMI_NODEJS_TYPESCRIPT"]).toBe("false");
    expect(environment["KUBECONFIG"]).toBe("/kube/config");
    expect(programArguments(request(), "", "").join(" ")).not.toContain("hush");
  });

  it("adds nothing where the program told the user already, and else says how it ended", () => {
    expect(describeExit(0, null)).toEqual({ error: "", bail: false });
    expect(describeExit(32, null)).toEqual({ error: "", bail: true });
    expect(describeExit(1, null)).toEqual({
      error: "The program ended with exit code 1.",
      bail: false,
    });
    expect(describeExit(null, "SIGKILL")).toEqual({
      error: "The program ended with signal SIGKILL.",
      bail: false,
    });
  });
});
