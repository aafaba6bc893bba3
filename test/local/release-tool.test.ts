import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { silentProgress } from "../../scripts/local/progress.ts";
import { ChecksumMismatchError } from "../../scripts/local/tools/download.ts";
import { ensureReleaseTool } from "../../scripts/local/tools/release-tool.ts";
import type { ReleaseTool } from "../../scripts/local/tools/release-tool.ts";
import { startReleaseServer } from "./release-server.ts";
import type { ReleaseServer } from "./release-server.ts";

const goCommand = "go";
/** Go's own cache, wherever the tests' caches are; empty if there is no Go. */
const goCache = spawnSync(goCommand, ["env", "GOCACHE"], { encoding: "utf8" }).stdout?.trim() ?? "";

let work: string;
let server: ReleaseServer;

beforeEach(async () => {
  work = mkdtempSync(join(tmpdir(), "release-tool-test-"));
  server = await startReleaseServer();
  vi.stubEnv("XDG_CACHE_HOME", join(work, "cache"));
  vi.stubEnv("XDG_STATE_HOME", join(work, "state"));
  vi.stubEnv("POOL_MIGRATION_RELEASES_URL", server.url);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await server.close();
  rmSync(work, { recursive: true });
});

function tool(...paths: string[]): ReleaseTool {
  return {
    name: "hello",
    version: "v1.0.0",
    files: paths.map((path) => {
      const url = `https://releases.example.org/${path}`;
      return { url, checksumUrl: `${url}.sha256` };
    }),
    stripComponents: 1,
    build: {
      module: "example.org/hello",
      version: "v1.0.0",
      packages: ["example.org/hello/cmd/hello"],
      linkVariables: { "example.org/hello/words.Version": "v1.0.0" },
      placeholderReplacement: "v0.7.0",
    },
    buildTime: "a moment",
  };
}

/** What the installed program prints, on whichever of its outputs. */
function run(directory: string): string {
  const { stdout, stderr } = spawnSync(join(directory, "hello"), { encoding: "utf8" });
  return stdout + stderr;
}

/** Publishes a Go module in a directory, as `GOPROXY=file://…` wants it (go.dev/ref/mod). */
function publishModule(module: string, version: string, files: Record<string, string>): void {
  const versions = join(work, "proxy", module, "@v");
  const root = join(work, "source", `${module}@${version}`);
  mkdirSync(versions, { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  writeFileSync(join(versions, `${version}.mod`), files["go.mod"] ?? "");
  writeFileSync(join(versions, `${version}.info`), JSON.stringify({ Version: version }));
  const archive = join(versions, `${version}.zip`);
  const paths = Object.keys(files).map((path) => `${module}@${version}/${path}`);
  const script =
    "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1], 'w'); [z.write(p) for p in sys.argv[2:]]";
  execFileSync("python3", ["-c", script, archive, ...paths], { cwd: join(work, "source") });
}

describe("a tool's release", () => {
  it("is installed as binaries and unpacked archives, and from then on taken from the cache", async () => {
    server.publish("/releases.example.org/plain", Buffer.from("#!/bin/sh\necho plain\n"));
    const script = join(work, "hello-v1", "hello");
    mkdirSync(dirname(script));
    writeFileSync(script, "#!/bin/sh\necho hello\n", { mode: 0o755 });
    const archive = execFileSync("tar", ["-czC", work, "hello-v1"]);
    server.publish("/releases.example.org/hello.tar.gz", archive);

    const installed = await ensureReleaseTool(tool("plain", "hello.tar.gz"), silentProgress);
    expect(installed).toMatchObject({ version: "v1.0.0", source: "download" });
    expect(run(installed.directory)).toBe("hello\n");
    expect(execFileSync(join(installed.directory, "plain"), { encoding: "utf8" })).toBe("plain\n");

    const asked = server.requests.length;
    expect(await ensureReleaseTool(tool("plain", "hello.tar.gz"), silentProgress)).toEqual(
      installed,
    );
    expect(server.requests).toHaveLength(asked);
  });

  it("with a wrong checksum is an error: nothing is built in its place", async () => {
    const path = "/releases.example.org/hello";
    server.publish(path, Buffer.from("changed on the way"), `${"0".repeat(64)}\n`);
    const notes: string[] = [];
    const progress = { ...silentProgress, note: (text: string) => void notes.push(text) };
    await expect(ensureReleaseTool(tool("hello"), progress)).rejects.toThrow(ChecksumMismatchError);
    expect(notes).toEqual([]);
  });

  it("that cannot be had where there is no Go says what is missing and what to do", async () => {
    vi.stubEnv("PATH", work);
    await expect(ensureReleaseTool(tool("hello"), silentProgress)).rejects.toThrow(
      /hello v1\.0\.0 cannot be downloaded \(.* answered 404\).* needs Go 1\.25 or newer.*POOL_MIGRATION_RELEASES_URL/s,
    );
  });

  it.skipIf(goCache === "")(
    "that cannot be had is built from the module registry, libraries with placeholder versions too",
    async () => {
      publishModule("example.org/words", "v0.7.0", {
        "go.mod": "module example.org/words\ngo 1.21\n",
        "words.go": 'package words\nvar Greeting = "hello "\n',
      });
      publishModule("example.org/hello", "v1.0.0", {
        "go.mod": "module example.org/hello\ngo 1.21\nrequire example.org/words v0.0.0\n",
        "words/version.go": 'package words\nvar Version = "unset"\n',
        "cmd/hello/main.go":
          'package main\nimport ("example.org/hello/words"; w "example.org/words")\n' +
          // without the standard library, whose compilation would take longer than all the rest
          "func main() { println(w.Greeting + words.Version) }\n",
      });
      vi.stubEnv("GOCACHE", goCache);
      vi.stubEnv("GOPROXY", `file://${join(work, "proxy")}`);
      vi.stubEnv("GONOSUMDB", "example.org");
      vi.stubEnv("GOMODCACHE", join(work, "modules"));
      vi.stubEnv("GOFLAGS", "-modcacherw");
      vi.stubEnv("GOTOOLCHAIN", "local");
      const notes: string[] = [];
      const progress = { ...silentProgress, note: (text: string) => void notes.push(text) };
      const installed = await ensureReleaseTool(tool("hello"), progress);
      expect(installed.source).toBe("build");
      expect(run(installed.directory)).toBe("hello v1.0.0\n");
      expect(notes.join()).toMatch(
        /answered 404: hello v1\.0\.0 is built from source, a moment, once/,
      );
    },
    120_000,
  );
});
