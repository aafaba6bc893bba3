import { describe, expect, it } from "vitest";
import { components, startSideBySide } from "../../scripts/local/components/all.ts";

describe("the components", () => {
  it("stand behind those they need", () => {
    const seen = new Set<string>();
    for (const { name, needs = [] } of components("pause")) {
      expect([...seen]).toEqual(expect.arrayContaining([...needs]));
      seen.add(name);
    }
  });

  it("start side by side, but not before what they need", async () => {
    const events: string[] = [];
    const release = new Map<string, () => void>();
    const start = (name: string): Promise<void> => {
      events.push(`start ${name}`);
      return new Promise((resolve) => release.set(name, resolve));
    };
    const prepare = () => Promise.resolve<[string]>(["true"]);
    const list = [
      { name: "runtime", prepare },
      { name: "database", prepare },
      { name: "kubelet", needs: ["runtime"], prepare },
    ];
    const started = startSideBySide(list, start);
    await Promise.resolve();
    release.get("database")?.();
    await started.get("database");
    expect(events).toEqual(["start runtime", "start database"]);
    release.get("runtime")?.();
    await expect.poll(() => events).toContain("start kubelet");
    release.get("kubelet")?.();
    await Promise.all(started.values());
  });

  it("that fail keep those that need them from starting", async () => {
    const events: string[] = [];
    const prepare = () => Promise.resolve<[string]>(["true"]);
    const list = [
      { name: "runtime", prepare },
      { name: "kubelet", needs: ["runtime"], prepare },
    ];
    const started = startSideBySide(list, (name) => {
      events.push(name);
      return Promise.reject(new Error(`${name} ended`));
    });
    await expect(Promise.all(started.values())).rejects.toThrow("runtime ended");
    expect(events).toEqual(["runtime"]);
  });
});
