import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { beginAttempt } from "../../infra/rollout/evidence/attempt.ts";
import { Leadership } from "../../scripts/agents/guard/leadership.ts";
import { KubernetesClient } from "../../scripts/lib/kubernetes.ts";
import { startApiServer, type TestApiServer } from "../lib/api-server.ts";

const namespace = "test";
const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/guard`;

/** Much shorter than in a cluster, in the same proportion. */
const times = { duration: 400, deadline: 300, renewal: 100 };

let api: TestApiServer;

beforeEach(async () => {
  api = await startApiServer();
  api.write(path, { metadata: { name: "guard", namespace } });
});

afterEach(() => api.close());

function candidate(identity: string): Leadership {
  const client = new KubernetesClient({
    server: new URL(api.url),
    namespace,
    source: "test",
    insecure: false,
    headers: {},
    credentials: () => Promise.resolve({ token: identity }),
  });
  return new Leadership({ client, namespace, identity, times });
}

interface StoredLease {
  readonly holderIdentity: string;
  readonly leaseTransitions: number;
}

const stored = () => api.read(path)?.["spec"] as StoredLease;

/** Lets candidates look until it is so. */
async function until(condition: () => boolean, ...all: readonly Leadership[]): Promise<void> {
  await expect
    .poll(
      async () => {
        for (const one of all) await one.step();
        return condition();
      },
      { interval: 20, timeout: 5_000 },
    )
    .toBe(true);
}

const attempt = beginAttempt({ at: 1_000, why: "test", build: "a", slowMilliseconds: null });

describe("the Lease", () => {
  it("is taken by the first, and left to it as long as it renews", async () => {
    const [a, b] = [candidate("a"), candidate("b")];
    await a.step();
    await b.step();
    expect([a.leads, b.leads]).toEqual([true, false]);
    expect(b.holder).toBe("a");
    const end = performance.now() + 3 * times.duration;
    await until(() => performance.now() > end, a, b);
    expect([a.leads, b.leads]).toEqual([true, false]);
    expect(stored()).toMatchObject({ holderIdentity: "a", leaseTransitions: 1 });
  });

  it("is taken over from one that is gone, no sooner than it has given up itself", async () => {
    const [a, b] = [candidate("a"), candidate("b")];
    await a.step();
    const renewed = performance.now();
    await b.step();
    await until(() => b.leads, b);
    // The one before has stopped acting as the holder by then, though nobody told it.
    expect(a.leads).toBe(false);
    expect(performance.now() - renewed).toBeGreaterThanOrEqual(times.duration);
    expect(stored()).toMatchObject({ holderIdentity: "b", leaseTransitions: 2 });
  });

  it("goes to one of two that reach for it at once", async () => {
    const [a, b] = [candidate("a"), candidate("b")];
    await Promise.all([a.step(), b.step()]);
    expect([a, b].filter(({ leads }) => leads)).toHaveLength(1);
  });

  it("is free at once where its holder gives it back", async () => {
    const [a, b] = [candidate("a"), candidate("b")];
    await a.step();
    await a.release();
    expect(a.leads).toBe(false);
    await b.step();
    expect(b.leads).toBe(true);
  });

  it("is not held by one that cannot renew it, though nobody else has it", async () => {
    const a = candidate("a");
    await a.step();
    api.intercept = () => ({ status: 503 });
    await expect(a.step()).rejects.toThrow("503");
    await expect.poll(() => a.leads, { interval: 20, timeout: 5_000 }).toBe(false);
    api.intercept = () => undefined;
    await a.step();
    expect(a.leads).toBe(true);
  });
});

describe("the attempt in it", () => {
  it("is named by the holder alone, and known to all that look", async () => {
    const [a, b] = [candidate("a"), candidate("b")];
    await a.step();
    await b.step();
    expect(await b.name(attempt)).toBe(false);
    expect(await a.name(attempt)).toBe(true);
    await b.step();
    expect(b.attempt).toEqual(attempt);
  });

  it("stays when the holder changes, and when what is written there cannot be read", async () => {
    const [a, b] = [candidate("a"), candidate("b")];
    await a.step();
    await a.name(attempt);
    await a.release();
    await b.step();
    expect(b.attempt).toEqual(attempt);
    const lease = api.read(path);
    const annotations = { "pool-migration/attempt": "{" };
    api.write(path, { ...lease, metadata: { name: "guard", namespace, annotations } });
    await b.step();
    expect(b.attempt).toEqual(attempt);
  });

  it("is not named by a holder whose Lease was taken meanwhile", async () => {
    const a = candidate("a");
    await a.step();
    api.write(path, { ...api.read(path), metadata: { name: "guard", namespace } });
    expect(await a.name(attempt)).toBe(false);
    expect(api.read(path)?.metadata["annotations"]).toBeUndefined();
  });
});
