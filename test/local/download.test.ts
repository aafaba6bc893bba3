import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  ChecksumMismatchError,
  downloadRelease,
  findChecksum,
  ReleaseUnavailableError,
} from "../../scripts/local/tools/download.ts";
import { sendFile, sha256, startReleaseServer } from "./release-server.ts";
import type { ReleaseServer } from "./release-server.ts";

const content = randomBytes(300_000);
const path = "/dl.example.org/v1/tool";
const file = {
  url: "https://dl.example.org/v1/tool",
  checksumUrl: "https://dl.example.org/v1/tool.sha256",
};

let cache: string;
let server: ReleaseServer;

beforeEach(async () => {
  cache = mkdtempSync(join(tmpdir(), "download-test-"));
  server = await startReleaseServer();
  vi.stubEnv("XDG_CACHE_HOME", cache);
  vi.stubEnv("POOL_MIGRATION_RELEASES_URL", server.url);
});

afterEach(async () => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
  await server.close();
  rmSync(cache, { recursive: true });
});

function cachedFiles(): string[] {
  return readdirSync(join(cache, "pool-migration", "downloads"));
}

function partialSize(): number {
  const [partial = ""] = cachedFiles();
  return statSync(join(cache, "pool-migration", "downloads", partial)).size;
}

describe("a release download", () => {
  it("is checked against the published checksum and kept", async () => {
    server.publish(path, content);
    const details: string[] = [];
    const downloaded = await downloadRelease(file, (text) => details.push(text));
    expect(readFileSync(downloaded).equals(content)).toBe(true);
    expect(details.at(-1)).toBe("tool 0 MB (100 %)");
    expect(cachedFiles()).toHaveLength(1);
  });

  it("is not repeated if it is there already", async () => {
    server.publish(path, content);
    const first = await downloadRelease(file);
    expect(await downloadRelease(file)).toBe(first);
    expect(server.requests.filter((request) => request === `GET ${path}`)).toHaveLength(1);
  });

  it("with another checksum is fetched once more, then refused and deleted", async () => {
    server.publish(path, content, `${sha256(randomBytes(8))}\n`);
    const refusal = downloadRelease(file);
    await expect(refusal).rejects.toThrow(ChecksumMismatchError);
    await expect(refusal).rejects.toThrow(/is not the published file.*POOL_MIGRATION_RELEASES_URL/);
    expect(server.requests.filter((request) => request === `GET ${path}`)).toHaveLength(2);
    expect(cachedFiles()).toEqual([]);
  });

  it("that is cut is taken up where it broke", async () => {
    server.publish(path, content);
    let cuts = 0;
    server.handle(path, (request, response) => {
      if (cuts === 0) {
        cuts += 1;
        response.writeHead(200, { "content-length": content.length });
        response.write(content.subarray(0, 100_000));
        void vi.waitFor(() => expect(partialSize()).toBe(100_000)).then(() => response.destroy());
      } else sendFile(request, response, content);
    });
    expect(readFileSync(await downloadRelease(file)).equals(content)).toBe(true);
    expect(server.requests.at(-1)).toBe(`GET ${path} bytes=100000-`);
  });

  it("that was cut by the end of the run is resumed by the next run", async () => {
    server.publish(path, content);
    server.handle(path, (_request, response) => {
      response.writeHead(200, { "content-length": content.length });
      response.write(content.subarray(0, 50_000), () => response.destroy());
    });
    await expect(downloadRelease(file)).rejects.toThrow(/broke 4 times/);
    expect(cachedFiles()).toEqual([expect.stringMatching(/-tool\.partial$/)]);
    server.publish(path, content);
    expect(readFileSync(await downloadRelease(file)).equals(content)).toBe(true);
    expect(cachedFiles()).toEqual([expect.stringMatching(/-tool$/)]);
  });

  it("that a server shortens is not taken for the whole", async () => {
    server.publish(path, content);
    server.handle(path, (_request, response) => response.end(content.subarray(0, 1000)));
    await expect(downloadRelease(file)).rejects.toThrow(ChecksumMismatchError);
    expect(cachedFiles()).toEqual([]);
  });

  it("whose beginning comes from another file is fetched anew", async () => {
    server.publish(path, content);
    server.handle(path, (request, response) => {
      const other = request.headers.range === undefined && server.requests.length === 2;
      if (other) {
        response.writeHead(200, { "content-length": content.length });
        response.write(randomBytes(1000), () => response.destroy());
      } else sendFile(request, response, content);
    });
    expect(readFileSync(await downloadRelease(file)).equals(content)).toBe(true);
  });

  it("that does not exist is reported as unavailable", async () => {
    await expect(downloadRelease(file)).rejects.toThrow(/tool\.sha256 answered 404/);
    server.publish(path, content, `${sha256(content)}  another-file\n`);
    await expect(downloadRelease(file)).rejects.toThrow(/has no checksum of tool/);
  });

  it("from a host that refuses is reported as unavailable", async () => {
    await server.close();
    await expect(downloadRelease(file)).rejects.toThrow(ReleaseUnavailableError);
  });

  it("from a host that does not answer is given up after five seconds, and the host with it", async () => {
    const asked = new Promise<void>((resolve) => {
      server.handle(`${path}.sha256`, () => resolve()); // accepts the request and says nothing
    });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    const refusal = expect(downloadRelease(file)).rejects.toThrow(/cannot be reached/);
    await asked;
    await vi.advanceTimersByTimeAsync(5_000);
    await refusal;
    await expect(downloadRelease(file)).rejects.toThrow(ReleaseUnavailableError);
    expect(server.requests).toHaveLength(1);
  });
});

describe("a checksum file", () => {
  const digest = "A".repeat(64);
  it.each([
    ["a bare digest", `${digest}\n`],
    ["a digest and a name", `${digest}  tool.tgz\n`],
    ["binary mode", `${digest} *tool.tgz\n`],
    ["a folder before the name", `${digest}  release/tool.tgz\n`],
    ["several files", `${"b".repeat(64)}  tool.zip\n${digest}  tool.tgz\n`],
    ["a heading and a SHA-512 digest", `# sums\n${"a".repeat(128)}  tool.tgz`],
  ])("with %s is understood", (_what, text) => {
    expect(findChecksum(text, "tool.tgz")).toMatch(/^a+$/);
  });

  it.each([
    ["another file's digest", `${digest}  tool.tgz.sig`],
    ["a digest of another length", `${"a".repeat(40)}  tool.tgz`],
    ["an error page", "<html>not found</html>"],
  ])("with %s gives none", (_what, text) => {
    expect(findChecksum(text, "tool.tgz")).toBeUndefined();
  });
});
