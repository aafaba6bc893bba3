import { describe, expect, it } from "vitest";
import { cgroupName, parseCgroupHierarchies } from "../../scripts/local/cgroups.ts";

const hybrid = `
24 1 254:0 / / rw,relatime - ext4 /dev/root rw
30 24 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
32 30 0:28 / /sys/fs/cgroup/memory rw,relatime shared:5 - cgroup cgroup rw,memory
33 30 0:29 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
34 30 0:30 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
35 24 0:27 / /somewhere/else rw,relatime - cgroup cgroup rw,cpu
`;

const unified = `
24 1 254:0 / / rw,relatime - ext4 /dev/root rw
30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate
`;

describe("control group hierarchies", () => {
  it("of both versions are found side by side, each once", () => {
    expect(parseCgroupHierarchies(hybrid)).toEqual([
      { mountPoint: "/sys/fs/cgroup/cpu", version: 1 },
      { mountPoint: "/sys/fs/cgroup/memory", version: 1 },
      { mountPoint: "/sys/fs/cgroup/systemd", version: 1 },
      { mountPoint: "/sys/fs/cgroup/unified", version: 2 },
    ]);
  });

  it("may be the unified one alone", () => {
    expect(parseCgroupHierarchies(unified)).toEqual([{ mountPoint: "/sys/fs/cgroup", version: 2 }]);
  });
});

describe("the group of an environment", () => {
  it("is another one for each name and each state directory", () => {
    const names = new Set([
      cgroupName("default", "/root/.local/state/pool-migration/default"),
      cgroupName("other", "/root/.local/state/pool-migration/other"),
      cgroupName("default", "/home/mia/.local/state/pool-migration/default"),
    ]);
    expect(names.size).toBe(3);
    for (const name of names) expect(name).toMatch(/^pool-migration-(default|other)-[0-9a-f]{8}$/);
  });
});
