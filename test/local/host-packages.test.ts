import { describe, expect, it } from "vitest";
import { ensurePackages, missingPackages } from "../../scripts/local/host-packages.ts";
import { silentProgress } from "../../scripts/local/progress.ts";

describe("the machine's packages", () => {
  it("are missing if one of their programs is", async () => {
    const withoutClient = (program: string): boolean => program !== "ctr";
    const lacking = await missingPackages(withoutClient);
    expect(lacking).toContain("containerd");
    expect(lacking).not.toContain("runc");
    const all = await missingPackages(() => false);
    expect(all).toEqual(expect.arrayContaining(["containerd", "runc", "iptables", "socat"]));
  });

  it("are named with the command that installs them where they may not be installed", async () => {
    const refusal = ensurePackages(false, silentProgress, ["runc", "ethtool"]);
    await expect(refusal).rejects.toThrow(
      /apt-get install --yes --no-install-recommends runc ethtool$|contain: runc, ethtool\. Install/,
    );
    await expect(refusal).rejects.toMatchObject({ exitCode: 2 });
  });

  it("are left alone if all are there", async () => {
    await expect(ensurePackages(true, silentProgress, [])).resolves.toBeUndefined();
  });
});
