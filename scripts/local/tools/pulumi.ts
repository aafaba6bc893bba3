import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Progress } from "../progress.ts";
import { runCommand } from "../run-command.ts";
import { ensureReleaseTool } from "./release-tool.ts";
import type { InstalledTool } from "./release-tool.ts";

const version = "3.259.0";

/** The Pulumi command line, which holds the engine. */
export interface InstalledPulumi extends InstalledTool {
  /** Path of the `pulumi` binary. */
  readonly binary: string;
  /** Whether the official Node.js language host lies beside it (it comes with the releases only). */
  readonly officialLanguageHost: boolean;
}

/** Whether a version printed by `pulumi version` is of the same major and not older than the pin. */
export function pulumiVersionFits(printed: string): boolean {
  const [major, minor] = (/^v?(\d+)\.(\d+)\./.exec(printed.trim()) ?? []).slice(1).map(Number);
  const [pinnedMajor, pinnedMinor] = version.split(".").map(Number);
  return major === pinnedMajor && (minor ?? 0) >= (pinnedMinor ?? 0);
}

async function pulumiOnPath(): Promise<{ binary: string; version: string } | undefined> {
  const directories = (process.env["PATH"] ?? "").split(":").filter((path) => path !== "");
  const binary = directories.map((path) => join(path, "pulumi")).find((path) => existsSync(path));
  if (binary === undefined) return undefined;
  try {
    const printed = (await runCommand(binary, ["version"])).trim();
    return pulumiVersionFits(printed) ? { binary, version: printed } : undefined;
  } catch {
    return undefined; // a broken installation is as good as none
  }
}

function describe(tool: InstalledTool, binary: string): InstalledPulumi {
  const officialLanguageHost = existsSync(join(dirname(binary), "pulumi-language-nodejs"));
  return { ...tool, binary, officialLanguageHost };
}

/** The Pulumi command line: the one on PATH if its version fits, else the release, else built. */
export async function ensurePulumi(
  progress: Progress,
  signal?: AbortSignal,
): Promise<InstalledPulumi> {
  const present = await pulumiOnPath();
  if (present !== undefined) {
    const directory = dirname(present.binary);
    return describe({ directory, version: present.version, source: "path" }, present.binary);
  }
  const platform = `linux-${process.arch === "arm64" ? "arm64" : "x64"}`;
  const release = `https://github.com/pulumi/pulumi/releases/download/v${version}`;
  const tool = await ensureReleaseTool(
    {
      name: "pulumi",
      version: `v${version}`,
      files: [
        {
          url: `${release}/pulumi-v${version}-${platform}.tar.gz`,
          checksumUrl: `${release}/pulumi-${version}-checksums.txt`,
        },
      ],
      stripComponents: 1,
      build: {
        module: "github.com/pulumi/pulumi/pkg/v3",
        version: `v${version}`,
        packages: ["github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"],
        linkVariables: {
          "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": `v${version}`,
        },
      },
      buildTime: "4 to 10 minutes on 2 cores",
    },
    progress,
    signal,
  );
  return describe(tool, join(tool.directory, "pulumi"));
}
