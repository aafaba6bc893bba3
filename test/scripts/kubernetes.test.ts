import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ClusterConnection, Credentials } from "../../scripts/lib/cluster-connection.ts";
import { KubernetesClient } from "../../scripts/lib/kubernetes.ts";
import type { ConfigMap, WatchEvent } from "../../scripts/lib/kubernetes-objects.ts";
import { resources } from "../../scripts/lib/kubernetes-objects.ts";
import type { TestApiServer } from "../lib/api-server.ts";
import { startApiServer } from "../lib/api-server.ts";
import { makeCertificates } from "../lib/certificates.ts";

let server: TestApiServer;
let client: KubernetesClient;
const brakePath = "/api/v1/namespaces/ns/configmaps/brake";
const brake = { kind: resources.configMaps, namespace: "ns", name: "brake" };

function connect(url: string, credentials: (refresh?: boolean) => Credentials = () => ({})) {
  const connection: ClusterConnection = {
    server: new URL(url),
    namespace: "ns",
    source: "test",
    insecure: false,
    headers: {},
    credentials: (refresh) => Promise.resolve(credentials(refresh)),
  };
  return new KubernetesClient(connection);
}

beforeEach(async () => {
  server = await startApiServer();
  client = connect(server.url);
});

afterEach(async () => {
  client.close();
  await server.close();
});

/** Waits for something that the server or the client does on its own. */
async function until(condition: () => boolean) {
  while (!condition()) await sleep(5);
}

describe("objects", () => {
  it("reads an object by its name", async () => {
    server.write(brakePath, { metadata: { name: "brake" }, data: { a: "1" } });
    const object = await client.get<ConfigMap>(brake.kind, "ns", "brake");
    expect(object.data).toEqual({ a: "1" });
    expect(object.metadata.resourceVersion).toMatch(/^\d+$/);
  });

  it("lists the objects that carry the labels", async () => {
    const pods = "/api/v1/namespaces/ns/pods";
    server.write(`${pods}/a`, { metadata: { name: "a", labels: { app: "x" } } });
    server.write(`${pods}/b`, { metadata: { name: "b", labels: { app: "y" } } });
    const { items, metadata } = await client.list(resources.pods, "ns", { labelSelector: "app=y" });
    expect(items.map((item) => item.metadata.name)).toEqual(["b"]);
    expect(metadata.resourceVersion).toMatch(/^\d+$/);
  });

  it("lists page by page what is much", async () => {
    const pods = "/api/v1/namespaces/ns/pods";
    const names = ["a", "b", "c", "d", "e"];
    for (const name of names) {
      server.write(`${pods}/${name}`, { metadata: { name, labels: { app: "x" } } });
    }
    const pages = async (limit: number) => {
      const found: string[][] = [];
      const options = { labelSelector: "app=x", limit };
      for await (const page of client.listPages(resources.pods, "ns", options)) {
        found.push(page.map(({ metadata }) => metadata.name));
      }
      return found;
    };
    expect(await pages(2)).toEqual([["a", "b"], ["c", "d"], ["e"]]);
    expect(await pages(5)).toEqual([names]);
    server.intercept = ({ query }) => (query.get("continue") === "2" ? { status: 410 } : undefined);
    await expect(pages(2)).rejects.toMatchObject({ failure: "expired" });
  });

  it("reaches kinds outside the core group", async () => {
    const path = "/apis/apps/v1/namespaces/ns/deployments/router";
    server.write(path, { metadata: { name: "router" } });
    const object = await client.get(resources.deployments, "ns", "router");
    expect(object.metadata.name).toBe("router");
  });

  it("patches single keys, removes a key by null and leaves the others alone", async () => {
    server.write(brakePath, { metadata: { name: "brake" }, data: { old: "1", other: "2" } });
    const patch = { data: { old: null, fresh: "3" } };
    const patched = await client.mergePatch<ConfigMap>(brake.kind, "ns", "brake", patch);
    expect(patched.data).toEqual({ other: "2", fresh: "3" });
    expect(server.requests.at(-1)?.headers["content-type"]).toBe("application/merge-patch+json");
  });

  it("stores nothing on a dry run", async () => {
    server.write(brakePath, { metadata: { name: "brake" } });
    await client.mergePatch(brake.kind, "ns", "brake", { data: { a: "1" } }, { dryRun: true });
    expect(server.read(brakePath)?.["data"]).toBeUndefined();
  });

  it("creates an object, and a second time finds the conflict", async () => {
    const object = { metadata: { name: "brake" }, data: { a: "1" } };
    await client.create(brake.kind, "ns", object);
    expect(server.read(brakePath)?.["data"]).toEqual({ a: "1" });
    const again = client.create(brake.kind, "ns", object);
    await expect(again).rejects.toMatchObject({ failure: "conflict", status: 409 });
  });

  it("asks the server who it is", async () => {
    server.users.set("secret", "jane@example.test");
    const known = connect(server.url, () => ({ token: "secret" }));
    await expect(known.whoAmI()).resolves.toBe("jane@example.test");
  });

  it("reaches a pod's port with the pod's own token, without the cluster's", async () => {
    server.users.set("secret", "jane");
    server.pods.set("ns/router-a:9090", ({ headers, path }) => ({
      status: 200,
      body: `${path} ${headers["x-router-token"] as string} ${String(headers.authorization)}`,
    }));
    const known = connect(server.url, () => ({ token: "secret" }));
    const text = await known.podProxy("ns", "router-a", 9090, "/report", {
      headers: { "x-router-token": "t" },
    });
    expect(text).toBe("/report t undefined");
  });
});

describe("failures", () => {
  it.each([
    [401, "refused"],
    [403, "refused"],
    [404, "notFound"],
    [409, "conflict"],
    [410, "expired"],
    [422, "invalid"],
    [429, "unavailable"],
    [503, "unavailable"],
  ])("tells %i as %s, with the server's own words", async (status, failure) => {
    server.intercept = () => ({ status, message: "because of that" });
    const request = client.get(brake.kind, "ns", "brake");
    await expect(request).rejects.toMatchObject({ name: "KubernetesError", failure, status });
    await expect(request).rejects.toThrow("because of that");
  });

  it("calls a closed port no answer", async () => {
    const closed = await startApiServer();
    await closed.close();
    const request = connect(closed.url).get(brake.kind, "ns", "brake");
    await expect(request).rejects.toMatchObject({ failure: "noAnswer", status: undefined });
    await expect(request).rejects.toThrow(`no answer from ${closed.url} (test)`);
  });

  it("calls a cut connection no answer", async () => {
    server.intercept = () => "cut";
    const request = client.get(brake.kind, "ns", "brake");
    await expect(request).rejects.toMatchObject({ failure: "noAnswer" });
  });

  it("calls silence beyond the time limit no answer", async () => {
    server.intercept = () => "hang";
    const request = client.get(brake.kind, "ns", "brake", { timeoutMilliseconds: 50 });
    await expect(request).rejects.toMatchObject({ failure: "noAnswer" });
    await expect(request).rejects.toThrow("time limit");
  });

  it("rejects with the caller's reason when the caller aborts", async () => {
    server.intercept = () => "hang";
    const controller = new AbortController();
    const request = client.get(brake.kind, "ns", "brake", { signal: controller.signal });
    await until(() => server.requests.length === 1);
    controller.abort(new Error("Ctrl-C"));
    await expect(request).rejects.toThrow("Ctrl-C");
  });

  it("asks once for fresh credentials after a 401", async () => {
    server.users.set("new", "jane");
    server.write(brakePath, { metadata: { name: "brake" } });
    const rotated = connect(server.url, (refresh) => ({ token: refresh ? "new" : "old" }));
    await expect(rotated.get(brake.kind, "ns", "brake")).resolves.toBeDefined();
    expect(server.requests).toHaveLength(2);
  });
});

describe("watch", () => {
  it("begins with what is there and follows changes of that object alone", async () => {
    server.write(brakePath, { metadata: { name: "brake" } });
    server.write("/api/v1/namespaces/ns/configmaps/other", { metadata: { name: "other" } });
    const seen: string[] = [];
    for await (const { type, object } of client.watch<ConfigMap>(brake.kind, "ns", {
      name: "brake",
    })) {
      seen.push(`${type} ${object.metadata.name} ${object.data?.["a"] ?? "-"}`);
      if (seen.length === 1) {
        server.write("/api/v1/namespaces/ns/configmaps/other", { metadata: { name: "other" } });
        server.write(brakePath, { metadata: { name: "brake" }, data: { a: "é" } });
      }
      if (seen.length === 2) server.remove(brakePath);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual(["ADDED brake -", "MODIFIED brake é", "DELETED brake é"]);
    await until(() => server.openWatches() === 0);
  });

  it("continues after a resource version", async () => {
    server.write(brakePath, { metadata: { name: "brake" }, data: { a: "1" } });
    const first = await client.get<ConfigMap>(brake.kind, "ns", "brake");
    server.write(brakePath, { metadata: { name: "brake" }, data: { a: "2" } });
    const resourceVersion = first.metadata.resourceVersion ?? "";
    const events = client.watch<ConfigMap>(brake.kind, "ns", { name: "brake", resourceVersion });
    const { value } = await events.next();
    expect((value as WatchEvent<ConfigMap>).object.data).toEqual({ a: "2" });
    await events.return();
  });

  it("ends without an error when the caller aborts", async () => {
    const controller = new AbortController();
    const events = client.watch(brake.kind, "ns", { name: "brake", signal: controller.signal });
    const next = events.next();
    await until(() => server.openWatches() === 1);
    controller.abort();
    await expect(next).resolves.toEqual({ done: true, value: undefined });
    await until(() => server.openWatches() === 0);
  });

  it("ends without an error when the server ends it", async () => {
    const events = client.watch(brake.kind, "ns", { timeoutSeconds: 1 });
    await expect(events.next()).resolves.toEqual({ done: true, value: undefined });
  });

  it("calls a version that is no longer kept expired", async () => {
    const events = client.watch(brake.kind, "ns", { resourceVersion: "1" });
    const next = events.next();
    await until(() => server.openWatches() === 1);
    server.sendToWatches({ type: "ERROR", object: { code: 410, message: "too old" } });
    await expect(next).rejects.toMatchObject({ failure: "expired", status: 410 });
  });

  it("notices a server that dies", async () => {
    const next = client.watch(brake.kind, "ns").next();
    await until(() => server.openWatches() === 1);
    await server.close();
    await expect(next).rejects.toMatchObject({ failure: "noAnswer" });
  });

  it("gives up a server that is silent beyond the end of the watch", async () => {
    server.intercept = () => "hang";
    const events = client.watch(brake.kind, "ns", { timeoutSeconds: 1, graceMilliseconds: 50 });
    await expect(events.next()).rejects.toMatchObject({ failure: "noAnswer" });
  });
});

describe("TLS", () => {
  it("checks the server against the CA, and shows its own certificate", async () => {
    const directory = await mkdtemp(join(tmpdir(), "kubernetes-test-"));
    const ours = await makeCertificates(join(directory, "ours"), "kubernetes");
    const theirs = await makeCertificates(join(directory, "theirs"), "somebody else");
    const secure = await startApiServer({ ...ours, clientCa: ours.ca });
    try {
      secure.write(brakePath, { metadata: { name: "brake" } });
      const { ca, cert: certificate, key } = ours;
      const trusted = connect(secure.url, () => ({ ca, certificate, key }));
      await expect(trusted.get(brake.kind, "ns", "brake")).resolves.toBeDefined();
      trusted.close();
      const foreign = connect(secure.url, () => ({ ca: theirs.ca, certificate, key }));
      const refused = foreign.get(brake.kind, "ns", "brake");
      await expect(refused).rejects.toMatchObject({ failure: "noAnswer" });
      const nameless = connect(secure.url, () => ({ ca }));
      const rejected = nameless.get(brake.kind, "ns", "brake");
      await expect(rejected).rejects.toMatchObject({ failure: "noAnswer" });
    } finally {
      await secure.close();
      await rm(directory, { recursive: true });
    }
  });
});
