import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ConfigMapObservation } from "../../scripts/agents/router/config-map-watch.ts";
import { ConfigMapWatch } from "../../scripts/agents/router/config-map-watch.ts";
import { KubernetesClient } from "../../scripts/lib/kubernetes.ts";
import { ApiServer } from "./support/api-server.ts";
import { freePorts } from "../../scripts/lib/free-ports.ts";
import { waitUntil } from "./support/wait-until.ts";

const never = 3_600_000;

describe("the watch of a ConfigMap", () => {
  let api: ApiServer;
  let client: KubernetesClient;
  let watch: ConfigMapWatch;
  let running: Promise<void>;
  let token: string;
  const seen: string[] = [];
  const problems: string[] = [];

  beforeEach(async () => {
    const [port = 0] = await freePorts(1);
    api = new ApiServer(port);
    await api.start();
    token = "first";
    seen.length = 0;
    problems.length = 0;
    client = new KubernetesClient({
      server: api.url,
      namespace: "test",
      source: "test",
      insecure: false,
      headers: {},
      credentials: () => Promise.resolve({ token }),
    });
  });

  afterEach(async () => {
    watch.stop();
    await running;
    client.close();
    await api.stop();
  });

  const describeObservation = (observation: ConfigMapObservation): string =>
    observation.kind === "absent" ? "absent" : (observation.data["value"] ?? "no data");

  /** Starts one; without a probe interval the watch is on its own. */
  const start = (probeInterval = never): void => {
    watch = new ConfigMapWatch({
      client,
      namespace: "test",
      name: "rollout",
      onObservation: (observation) => seen.push(describeObservation(observation)),
      onProblem: (problem) => problems.push(problem),
      times: { probeInterval, answerLimit: 200, firstBackoff: 5, longestBackoff: 20 },
    });
    running = watch.run();
  };

  const put = (value: string): string => api.put("rollout", { value });
  const see = (value: string): Promise<unknown> =>
    waitUntil(`${value} among ${seen.join()}`, () => seen.at(-1) === value);

  it("sees what is there, each change, the end and a new beginning", async () => {
    put("a");
    start();
    await see("a");
    put("b");
    await see("b");
    api.put("rollout");
    await see("no data");
    api.remove("rollout");
    await see("absent");
    put("c");
    await see("c");
    expect(seen).toEqual(["a", "b", "no data", "absent", "c"]);
    expect(watch.reachable).toBe(true);
  });

  it("goes on where it was when the server ends the watch, and sees nothing twice", async () => {
    put("a");
    start();
    await see("a");
    api.endWatches();
    await waitUntil("another watch", () => api.seen.watch > 1);
    put("b");
    await see("b");
    expect(seen).toEqual(["a", "b"]);
    expect(api.seen.get).toBe(0);
  });

  it("begins again with what is there when its version is no longer kept", async () => {
    put("a");
    start();
    await see("a");
    await api.stop();
    const version = put("b");
    api.oldestVersion = Number(version);
    put("c");
    await api.start();
    await see("c");
    expect(api.seen.expired).toBeLessThan(5);
    expect(seen).toEqual(["a", "c"]);
  });

  it.each([401, 403, 429, 500, 503])(
    "keeps what it saw while the server answers %i",
    async (code) => {
      put("a");
      start(20);
      await see("a");
      api.failWith = code;
      api.endWatches();
      put("b");
      await waitUntil("a problem", () => problems.length > 0 && !watch.reachable);
      expect(seen).toEqual(["a"]);
      expect(problems[0]).toContain(String(code));
      api.failWith = 0;
      await see("b");
      await waitUntil("the end of the problem", () => watch.reachable);
    },
  );

  it("notices a server that takes requests and never answers, and a watch that is dead", async () => {
    put("a");
    start(20);
    await see("a");
    api.silent = true;
    put("b");
    await waitUntil("a problem", () => !watch.reachable);
    expect(seen).toEqual(["a"]);
    api.silent = false;
    await see("b");
  });

  it("takes a 404 of a live server for absent, and no answer for nothing", async () => {
    start(20);
    await see("absent");
    await api.stop();
    await waitUntil("a problem", () => !watch.reachable);
    put("a");
    await api.start();
    await see("a");
    expect(seen).toEqual(["absent", "a"]);
  });

  it("follows a cluster whose versions went back with a restored backup", async () => {
    put("a");
    put("b");
    start(20);
    await see("b");
    await api.stop();
    const restored = new ApiServer(Number(api.url.port));
    restored.put("rollout", { value: "restored" });
    await restored.start();
    await see("restored");
    await restored.stop();
  });

  it("shows the token of the moment", async () => {
    put("a");
    start(20);
    await see("a");
    token = "second";
    await waitUntil("the new token", () => api.lastAuthorization === "Bearer second");
  });
});
