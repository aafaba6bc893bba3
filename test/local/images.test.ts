import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { binaryFiles, parseLibraries } from "../../scripts/local/images/binary.ts";
import { describeImage, imageLayout } from "../../scripts/local/images/image.ts";
import { importedModules, traceProgram } from "../../scripts/local/images/imports.ts";
import { buildLayer } from "../../scripts/local/images/layer.ts";

let work: string;

beforeEach(() => {
  work = mkdtempSync(join(tmpdir(), "images-test-"));
  vi.stubEnv("XDG_CACHE_HOME", join(work, "cache"));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(work, { recursive: true });
});

function write(path: string, text: string): string {
  const file = join(work, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  return file;
}

describe("a layer", () => {
  it("depends on content alone, not on times", async () => {
    const source = write("program", "content");
    const files = [
      { path: "/app/program", source },
      { path: "/etc/passwd", text: "root" },
    ];
    const first = await buildLayer(files);
    utimesSync(source, 1, 1);
    vi.stubEnv("XDG_CACHE_HOME", join(work, "another-cache"));
    const second = await buildLayer([...files].reverse());
    expect(second.diffId).toBe(first.diffId);
    writeFileSync(source, "Content");
    expect((await buildLayer(files)).diffId).not.toBe(first.diffId);
  });

  it("holds files of root that everybody may read", async () => {
    const source = write("program", "#!/bin/sh\n");
    execFileSync("chmod", ["700", source]);
    const files = [
      { path: "/bin/program", source },
      { path: "/tmp", directory: true as const },
    ];
    const { archive, size } = await buildLayer(files);
    const listing = execFileSync("tar", ["-tvf", archive, "--numeric-owner"], { encoding: "utf8" });
    expect(listing).toMatch(/^-rwxr-xr-x 0\/0 +10 1970-01-01 00:00 \.\/bin\/program$/m);
    expect(listing).toMatch(/^drwxr-xr-x 0\/0 .* \.\/tmp\/$/m);
    expect(size % 512).toBe(0);
  });
});

describe("an image", () => {
  const layer = (digit: string) => ({
    archive: `/cache/${digit}`,
    diffId: digit.repeat(64),
    size: 7,
  });

  it("is named by its content", () => {
    const image = describeImage("router", ["/bin/router"], [layer("a"), layer("b")]);
    expect(image.reference).toMatch(/^docker\.io\/local\/router:[0-9a-f]{16}$/);
    expect(describeImage("router", ["/bin/router"], [layer("a"), layer("b")])).toEqual(image);
    const others = [
      describeImage("router", ["/bin/other"], [layer("a"), layer("b")]),
      describeImage("router", ["/bin/router"], [layer("b"), layer("a")]),
    ];
    for (const other of others) expect(other.reference).not.toBe(image.reference);
  });

  it("runs as somebody other than root", () => {
    const { config } = JSON.parse(describeImage("x", ["/x"], []).configuration) as {
      config: { User: string };
    };
    expect(config.User).toBe("65532:65532");
  });

  it("is laid out with every layer once, without those that are present", () => {
    const images = [
      describeImage("one", ["/x"], [layer("a"), layer("b")]),
      describeImage("two", ["/x"], [layer("a"), layer("c")]),
    ];
    const files = imageLayout(images, new Set([`sha256:${"c".repeat(64)}`]));
    const archives = [...files].filter(([, file]) => "archive" in file).map(([path]) => path);
    expect(archives).toEqual([`blobs/sha256/${"a".repeat(64)}`, `blobs/sha256/${"b".repeat(64)}`]);

    const json = (path: string) => {
      const file = files.get(path);
      return JSON.parse(file && "text" in file ? file.text : "null") as {
        manifests: { digest: string; size: number; annotations: Record<string, string> }[];
        config: { digest: string };
        layers: { digest: string }[];
      };
    };
    const blob = (digest: string): string => `blobs/sha256/${digest.replace("sha256:", "")}`;
    const { manifests } = json("index.json");
    expect(manifests.map(({ annotations }) => annotations["io.containerd.image.name"])).toEqual(
      images.map(({ reference }) => reference),
    );
    const second = json(blob(manifests[1]?.digest ?? ""));
    expect(files.get(blob(second.config.digest))).toEqual({ text: images[1]?.configuration });
    expect(second.layers.map(({ digest }) => digest)).toEqual([
      `sha256:${"a".repeat(64)}`,
      `sha256:${"c".repeat(64)}`,
    ]);
  });
});

describe("a program of this machine", () => {
  it("comes with the libraries that ldd names", () => {
    const output = [
      "\tlinux-vdso.so.1 (0x00007ffd5a5f2000)",
      "\tlibdl.so.2 => /lib/x86_64-linux-gnu/libdl.so.2 (0x00007f1b2c5f5000)",
      "\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f1b27e1b000)",
      "\t/lib64/ld-linux-x86-64.so.2 (0x00007f1b2c607000)",
    ].join("\n");
    expect(parseLibraries(output)).toEqual([
      "/lib/x86_64-linux-gnu/libdl.so.2",
      "/lib/x86_64-linux-gnu/libc.so.6",
      "/lib64/ld-linux-x86-64.so.2",
    ]);
  });

  it("has its loader and C library with it, if it is not static", async () => {
    const files = await binaryFiles(process.execPath, "/usr/local/bin/node");
    expect(files[0]).toEqual({ path: "/usr/local/bin/node", source: process.execPath });
    const paths = files.map(({ path }) => path).join("\n");
    expect(paths).toMatch(/\/libc\.so\.6$/m);
    expect(paths).toMatch(/\/ld-linux-[^/]+$/m);
  });
});

describe("the files of a program", () => {
  it("are what is imported at run time, types excepted", async () => {
    const source = `
      import a, { type B } from "a";
      import type { C } from "c";
      export * from "./d.ts";
      export type { E } from "./e.ts";
      import "./f.ts";
      const g = await import("./g.ts");
      const h = 'import "./h.ts"';
    `;
    expect(await importedModules(source, "x.ts")).toEqual(["a", "./d.ts", "./f.ts", "./g.ts"]);
  });

  it("include packages with all they depend on, nested ones too", async () => {
    const manifest = (path: string, fields: object): string =>
      write(`project/node_modules/${path}/package.json`, JSON.stringify(fields));
    manifest("a", { dependencies: { b: "1" }, optionalDependencies: { none: "1" } });
    manifest("a/node_modules/b", {
      peerDependencies: { "@s/c": "1", unneeded: "1" },
      peerDependenciesMeta: { unneeded: { optional: true } },
    });
    manifest("b", {});
    manifest("unneeded", {});
    manifest("@s/c", { dependencies: { a: "1" } });
    const entry = write("project/src/main.ts", 'import "../lib/x.ts";');
    write(
      "project/lib/x.ts",
      'import { y } from "a/part"; import fs from "node:fs"; import "path";',
    );
    const { sources, packages } = await traceProgram([entry]);
    const inProject = (paths: ReadonlySet<string>) =>
      [...paths].map((path) => relative(join(work, "project"), path)).sort();
    expect(inProject(sources)).toEqual(["lib/x.ts", "src/main.ts"]);
    expect(inProject(packages)).toEqual([
      "node_modules/@s/c",
      "node_modules/a",
      "node_modules/a/node_modules/b",
    ]);
  });

  it("that are missing are named", async () => {
    const file = write("project/main.ts", 'import "./gone.ts";');
    await expect(traceProgram([file])).rejects.toThrow(
      /main\.ts imports \.\/gone\.ts, which does not exist/,
    );
    writeFileSync(file, 'import "not-installed";');
    await expect(traceProgram([file])).rejects.toThrow(/imports not-installed.*npm ci/);
    writeFileSync(file, 'import "half";');
    write("project/node_modules/half/package.json", '{"dependencies":{"other-half":"1"}}');
    await expect(traceProgram([file])).rejects.toThrow(/half needs the package other-half.*npm ci/);
  });
});
