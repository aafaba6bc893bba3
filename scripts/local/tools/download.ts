import { createHash } from "node:crypto";
import { createReadStream, createWriteStream, existsSync } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { LocalError } from "../local-error.ts";
import { cacheDirectory } from "../paths.ts";

/** One file of a publisher's release and the checksum file published beside it. */
export interface ReleaseFile {
  /** Address of the file. */
  readonly url: string;
  /** Address of the checksum file: a bare digest, or lines of `<digest>  <file name>`. */
  readonly checksumUrl: string;
}

/** The release cannot be had from here: no such host, no answer, or no such file. */
export class ReleaseUnavailableError extends Error {
  override readonly name = "ReleaseUnavailableError";
}

/** The file differs from what its publisher says it is. Never answered by going on without it. */
export class ChecksumMismatchError extends LocalError {}

/** How long a host may take to answer before it counts as out of reach. */
const answerMilliseconds = 5_000;
/** How long a transfer may stand still before it is taken up anew. */
const stallMilliseconds = 20_000;
const attempts = 4;

const unreachableHosts = new Set<string>();

/**
 * The address to ask for a release: the publisher's, or, where `POOL_MIGRATION_RELEASES_URL`
 * names a mirror, `<mirror>/<publisher's host>/<path>`.
 */
function releaseAddress(url: string): string {
  const mirror = process.env["POOL_MIGRATION_RELEASES_URL"];
  return mirror ? `${mirror.replace(/\/+$/, "")}/${url.replace(/^https:\/\//, "")}` : url;
}

/** Asks for a file, from byte `offset` on. A host that does not answer is not asked again. */
async function request(url: string, offset: number): Promise<Response> {
  const { host } = new URL(url);
  if (unreachableHosts.has(host)) throw new ReleaseUnavailableError(`${host} cannot be reached`);
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), answerMilliseconds);
  let response: Response;
  try {
    response = await fetch(url, {
      signal: controller.signal,
      headers: offset > 0 ? { range: `bytes=${offset}-` } : {},
    });
  } catch (error) {
    unreachableHosts.add(host);
    throw new ReleaseUnavailableError(`${host} cannot be reached`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
  if (response.ok || response.status === 416) return response;
  await response.body?.cancel();
  throw new ReleaseUnavailableError(`${url} answered ${response.status}`);
}

/**
 * Finds the digest of `fileName` in a checksum file. A line names a file by its base name, with
 * or without a folder or the `*` of binary mode before it.
 *
 * @returns lower-case hexadecimal, SHA-256 or SHA-512; undefined if there is none for that file.
 */
export function findChecksum(checksumFile: string, fileName: string): string | undefined {
  for (const line of checksumFile.split("\n")) {
    const match = /^([0-9a-f]{64}|[0-9a-f]{128})(?:\s+\*?(\S+))?\s*$/i.exec(line.trim());
    const named = match?.[2]?.split("/").at(-1);
    if (match?.[1] && (named === undefined || named === fileName)) return match[1].toLowerCase();
  }
  return undefined;
}

async function digestOf(path: string, hexLength: number): Promise<string> {
  const hash = createHash(hexLength === 128 ? "sha512" : "sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

async function sizeOf(path: string): Promise<number> {
  return existsSync(path) ? (await stat(path)).size : 0;
}

/** Appends to `partial` what is missing; returns false if the connection broke on the way. */
async function transfer(
  url: string,
  partial: string,
  detail: (text: string) => void,
): Promise<boolean> {
  const offset = await sizeOf(partial);
  const response = await request(url, offset);
  if (response.status === 416 || !response.body) return true; // all bytes are there already
  const resumed = response.status === 206;
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  const total = length + (resumed ? offset : 0);
  let received = resumed ? offset : 0;
  const stalled = new AbortController();
  let timer = setTimeout(() => stalled.abort(), stallMilliseconds);
  const body = Readable.fromWeb(response.body);
  body.on("data", (chunk: Buffer) => {
    clearTimeout(timer);
    timer = setTimeout(() => stalled.abort(), stallMilliseconds);
    received += chunk.length;
    const share = Number.isFinite(total) ? ` (${Math.round((100 * received) / total)} %)` : "";
    detail(`${(received / 1e6).toFixed(0)} MB${share}`);
  });
  try {
    await pipeline(body, createWriteStream(partial, { flags: resumed ? "a" : "w" }), {
      signal: stalled.signal,
    });
    return !Number.isFinite(total) || received >= total;
  } catch {
    return false; // what arrived stays in the file; the next attempt asks for the rest
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Downloads a release file into the cache and checks it against the published checksum. A broken
 * transfer is resumed, in this run or the next; a file that is there already is not fetched again.
 *
 * @returns the path of the verified file in the cache's `downloads` directory.
 * @throws {ReleaseUnavailableError} if its host cannot be reached or has no such file.
 * @throws {ChecksumMismatchError} if it twice differs from the checksum.
 */
export async function downloadRelease(
  file: ReleaseFile,
  detail: (text: string) => void = () => undefined,
): Promise<string> {
  const url = releaseAddress(file.url);
  const fileName = new URL(url).pathname.split("/").at(-1) ?? "";
  const checksums = await (await request(releaseAddress(file.checksumUrl), 0)).text();
  const expected = findChecksum(checksums, fileName);
  if (expected === undefined) {
    throw new ReleaseUnavailableError(`${file.checksumUrl} has no checksum of ${fileName}`);
  }
  const directory = join(cacheDirectory(), "downloads");
  await mkdir(directory, { recursive: true });
  const complete = join(directory, `${expected.slice(0, 32)}-${fileName}`);
  if (existsSync(complete)) return complete;
  const partial = `${complete}.partial`;
  let mismatches = 0;
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    if (!(await transfer(url, partial, (text) => detail(`${fileName} ${text}`)))) continue;
    const actual = await digestOf(partial, expected.length);
    if (actual === expected) {
      await rename(partial, complete);
      return complete;
    }
    await rm(partial); // damaged, or begun from another file: nothing of it can be trusted
    mismatches += 1;
    if (mismatches === 2) {
      throw new ChecksumMismatchError(
        `${url} is not the published file: its checksum is ${actual}, ${file.checksumUrl} says ` +
          `${expected}. It was deleted. Run the command again; if this stays so, something between ` +
          "here and the publisher changes downloads: set POOL_MIGRATION_RELEASES_URL to a mirror " +
          "you trust.",
      );
    }
  }
  throw new ReleaseUnavailableError(`the transfer of ${url} broke ${attempts} times`);
}
