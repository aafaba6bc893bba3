import { mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LocalError } from "../local-error.ts";
import { runCommand } from "../run-command.ts";

/** What to build from the Go module registry. */
export interface GoBuild {
  readonly module: string;
  readonly version: string;
  /** Import paths of `main` packages; each becomes a binary of its last path element's name. */
  readonly packages: readonly string[];
  /** Name of the binary where it differs from the package's last element. */
  readonly binaryName?: string;
  /** Variables set by the linker, `import/path.Name` to value: how these programs learn their version. */
  readonly linkVariables?: Readonly<Record<string, string>>;
  /**
   * Kubernetes publishes its own libraries with the placeholder version v0.0.0 in its go.mod, to be
   * replaced by the builder with the version given here.
   */
  readonly placeholderReplacement?: string;
}

/** The oldest Go that these modules accept. */
const oldestGo = { major: 1, minor: 25 };

/** Fails with the way to get Go if there is none or it is too old. */
async function requireGo(reason: string): Promise<void> {
  const fix =
    `${reason}, so it has to be built, which needs Go ${oldestGo.major}.${oldestGo.minor} or newer ` +
    "on PATH (https://go.dev/dl, or `apt-get install golang-go` where that is new enough). " +
    "Or set POOL_MIGRATION_RELEASES_URL to a mirror of the releases that can be reached from here.";
  let version: string;
  try {
    version = await runCommand("go", ["env", "GOVERSION"]);
  } catch {
    throw new LocalError(fix);
  }
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(version) ?? [];
  if (Number(major) === oldestGo.major && Number(minor) < oldestGo.minor) {
    throw new LocalError(`${fix} Found: ${version}.`);
  }
}

/** Replace lines for the libraries that a module requires with the placeholder version v0.0.0. */
async function placeholderReplacements(
  build: GoBuild,
  environment: NodeJS.ProcessEnv,
): Promise<string> {
  if (build.placeholderReplacement === undefined) return "";
  const target = `${build.module}@${build.version}`;
  const download = await runCommand("go", ["mod", "download", "-json", target], {
    env: environment,
    cwd: tmpdir(),
  });
  const { GoMod: goMod } = JSON.parse(download) as { GoMod: string };
  const requirements = await runCommand("go", ["mod", "edit", "-json", goMod], {
    env: environment,
  });
  const { Require: required } = JSON.parse(requirements) as {
    Require: { Path: string; Version: string }[];
  };
  return required
    .filter(({ Version }) => Version === "v0.0.0")
    .map(({ Path }) => `replace ${Path} => ${Path} ${build.placeholderReplacement}\n`)
    .join("");
}

/**
 * Builds static binaries from the Go module registry into `directory`, in a throw-away module
 * (these programs' own modules carry `replace` lines, which `go install` refuses). The Go
 * command verifies what it fetches against the Go checksum database, and its build cache makes
 * an interrupted build go on where it was.
 *
 * @param reason why the release was not downloaded: the beginning of the error if Go is missing.
 */
export async function goBuild(
  build: GoBuild,
  directory: string,
  reason: string,
  detail: (text: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  await requireGo(reason);
  const environment = { CGO_ENABLED: "0", GOWORK: "off" };
  const work = join(directory, ".build"); // goes with the directory if this process is killed
  await mkdir(work);
  try {
    const replacements = await placeholderReplacements(build, environment);
    await writeFile(
      join(work, "go.mod"),
      `module local/build\ngo ${oldestGo.major}.${oldestGo.minor}\n` +
        `require ${build.module} ${build.version}\n${replacements}`,
    );
    const imports = build.packages.map((path) => `import _ "${path}"\n`).join("");
    await writeFile(join(work, "tools.go"), `//go:build tools\n\npackage tools\n\n${imports}`);
    const variables = Object.entries(build.linkVariables ?? {});
    const linkFlags = ["-s -w", ...variables.map(([name, value]) => `-X ${name}=${value}`)].join(
      " ",
    );
    const run = (args: string[]): Promise<string> =>
      runCommand("go", args, {
        cwd: work,
        env: environment,
        signal,
        onLine: (line) => detail(line.slice(0, 100)),
      });
    detail("resolving modules");
    await run(["mod", "tidy"]);
    for (const [index, path] of build.packages.entries()) {
      const name = build.binaryName ?? path.split("/").at(-1) ?? path;
      detail(`compiling ${name} (${index + 1} of ${build.packages.length})`);
      await run(["build", "-trimpath", "-ldflags", linkFlags, "-o", join(directory, name), path]);
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
