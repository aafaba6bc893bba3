import { lookup } from "node:dns/promises";
import * as http from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/**
 * Whether a pool has a host that answers its readiness path with 200 to 399. For the time before Envoy runs, when
 * its own health checks cannot be asked yet.
 *
 * @param limit longest time, milliseconds; then the answer is no
 */
export async function hasReadyHost(
  pool: { readonly host: string; readonly port: number },
  path: string,
  limit: number,
): Promise<boolean> {
  const ending = new AbortController();
  const checks = async (): Promise<boolean> => {
    const addresses = await lookup(pool.host, { all: true });
    await Promise.any(
      addresses.map(({ address }) => check(address, pool.port, path, ending.signal)),
    );
    return true;
  };
  try {
    return await Promise.race([checks(), delay(limit, false, { signal: ending.signal })]);
  } catch {
    return false;
  } finally {
    ending.abort();
  }
}

function check(host: string, port: number, path: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = http.get({ host, port, path, signal, agent: false }, (response) => {
      response.resume();
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 400) resolve();
      else reject(new Error(`${path} answered ${status}`));
    });
    request.on("error", reject);
  });
}
