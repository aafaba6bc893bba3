import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { KubernetesProvider } from "../../scripts/local/providers/kubernetes/provider.ts";
import type { PropertyMap } from "../../scripts/local/providers/lib/properties.ts";
import { startApiServer } from "../lib/api-server.ts";
import type { TestApiServer } from "../lib/api-server.ts";

/** Objects that the program declares without content, and what others write into them. */
const shared = [
  {
    what: "the brake",
    type: "kubernetes:core/v1:ConfigMap",
    group: "/api/v1",
    plural: "configmaps",
    name: "brake",
    content: { data: { "engaged.1": "x" } },
    annotations: {},
  },
  {
    what: "the guard's Lease",
    type: "kubernetes:coordination.k8s.io/v1:Lease",
    group: "/apis/coordination.k8s.io/v1",
    plural: "leases",
    name: "guard",
    content: { spec: { holderIdentity: "guard-a", leaseTransitions: 1 } },
    annotations: { attempt: "{}" },
  },
] as const;

let server: TestApiServer;
let directory: string;
let provider: KubernetesProvider;

beforeEach(async () => {
  server = await startApiServer();
  for (const { group, plural, type } of shared) {
    const kind = type.split(":").at(-1) ?? "";
    const resources = [{ name: plural, kind, namespaced: true }];
    server.write(group, { metadata: { name: "" }, resources });
  }
  // A server-side apply makes what is not there.
  server.intercept = ({ method, path, body }) => {
    if (method === "PATCH" && server.read(path) === undefined) {
      server.write(path, body as Parameters<TestApiServer["write"]>[1]);
    }
    return undefined;
  };
  directory = mkdtempSync(join(tmpdir(), "provider-test-"));
  const kubeconfig = join(directory, "config");
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      "current-context": "test",
      contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
      clusters: [{ name: "test", cluster: { server: server.url } }],
      users: [{ name: "test", user: { token: "any" } }],
    }),
  );
  provider = new KubernetesProvider();
  await provider.configure({ kubeconfig, enableConfigMapMutable: "true" });
});

afterEach(async () => {
  await server.close();
  rmSync(directory, { recursive: true });
});

describe.each(shared)("$what", ({ type, group, plural, name, content, annotations }) => {
  const path = `${group}/namespaces/ns/${plural}/${name}`;
  const call = { urn: `urn:${name}`, type, name, signal: AbortSignal.timeout(20_000) };
  const about = { ...call, status: () => undefined, timeoutSeconds: undefined };
  const declared = (label: string): PropertyMap => ({
    metadata: { name, namespace: "ns", labels: { label } },
  });
  const check = async (label: string) =>
    (
      await provider.check({
        ...about,
        oldInputs: {},
        newInputs: declared(label),
        randomSeed: new Uint8Array(32),
      })
    ).inputs;
  const applied = () =>
    server.requests
      .filter(({ method }) => method === "PATCH")
      .map(({ headers, body }) => [headers["content-type"], Object.keys(body as object).sort()]);

  it("is made without content; what others write is not seen by a refresh and kept by an update", async () => {
    const inputs = await check("one");
    const { id, outputs } = await provider.create({ ...about, inputs, preview: false });
    expect(server.read(path)?.metadata).toMatchObject({ labels: { label: "one" } });

    const live = server.read(path);
    const fieldsV1 = { "f:data": {}, "f:spec": {} };
    const managedFields = [{ manager: "node", operation: "Update", fieldsV1 }];
    server.write(path, {
      ...live,
      ...content,
      metadata: { ...live?.metadata, name, annotations, managedFields },
    });
    const read = await provider.read({ ...about, id, inputs, outputs });
    expect(read?.inputs).toEqual(inputs);

    const refreshed = { id, oldInputs: read?.inputs ?? {}, oldOutputs: read?.outputs ?? {} };
    const unchanged = await provider.diff({
      ...about,
      ...refreshed,
      newInputs: await check("one"),
    });
    expect(unchanged).toMatchObject({ changes: [], replaceBecauseOf: [] });

    const newInputs = await check("two");
    const { changes, replaceBecauseOf } = await provider.diff({
      ...about,
      ...refreshed,
      newInputs,
    });
    expect(changes.map((change) => change.path.join("."))).toEqual(["metadata.labels.label"]);
    expect(replaceBecauseOf).toEqual([]);
    const update = { ...about, ...refreshed, newInputs, preview: false, ignoreChanges: [] };
    await provider.update(update);
    expect(server.read(path)).toMatchObject({
      ...content,
      metadata: { labels: { label: "two" }, annotations },
    });
    // Neither names a field of the others', nor takes the ownership of one.
    const apply = ["application/apply-patch+yaml", ["apiVersion", "kind", "metadata"]];
    expect(applied()).toEqual([apply, apply]);
  });
});
