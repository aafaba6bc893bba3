import { beforeAll, expect, it } from "vitest";
import type { BrakeLife } from "./brake-life.ts";
import { dataPatch, timed } from "./brake-life.ts";
import { callWith, refusedCalls } from "./guard-calls.ts";
import type { Answer, Call, RefusedCall } from "./guard-calls.ts";

/** What the declared account of the guard may do, and what it may not, asked with a token of its own. */
export function describeGuard(life: () => BrakeLife): void {
  const commands = () => life().test.stack.commands;
  const kubectl = (...args: string[]) => commands().kubectl(args);
  let token: string;
  const asGuard = (...calls: readonly Call[]) => callWith(token, life().test.environment, calls);
  const one = async (call: Call): Promise<Answer> => {
    const [answer] = await asGuard(call);
    if (answer === undefined) throw new RangeError("a call without an answer");
    return answer;
  };
  const core = () => `/api/v1/namespaces/${commands().namespace}`;
  const brake = () => `${core()}/configmaps/brake`;
  const lease = () =>
    `/apis/coordination.k8s.io/v1/namespaces/${commands().namespace}/leases/guard`;
  const patch = (body: object): Call => ({ method: "PATCH", path: brake(), body });
  const write = (data: Readonly<Record<string, string | null>> | null) => one(patch({ data }));
  const brakeVersion = async () =>
    (await kubectl("get", "configmap", "brake", "--output=jsonpath={.metadata.resourceVersion}"))
      .output;
  const holder = async () =>
    (await kubectl("get", "lease", "guard", "--output=jsonpath={.spec.holderIdentity}")).output;
  const record = JSON.stringify({ who: "guard", when: "", why: "evidence", source: "guard" });

  /** Each is answered with 403 and the reason, and none of them has changed the brake. */
  const expectRefused = async (calls: readonly RefusedCall[], by: string) => {
    const before = await brakeVersion();
    const answers = await asGuard(...calls);
    const told = calls.map(({ what }, index) => {
      const { status, body } = answers[index] ?? { status: 0, body: {} };
      return { what, status, message: body.message };
    });
    expect(told).toEqual(
      calls.map(({ what, reason }) => ({
        what,
        status: 403,
        message: expect.stringMatching(reason) as string,
      })),
    );
    for (const { what } of calls) life().record(`the guard tries to ${what}`, `403, by ${by}`);
    expect(await brakeVersion()).toBe(before);
  };

  beforeAll(async () => {
    await life().released();
    token = (await kubectl("create", "token", "guard", "--duration=1h")).output.trim();
  });

  it("may do what it is there for", async () => {
    const { namespace } = commands();
    const involvedObject = { kind: "ConfigMap", name: "brake", namespace };
    const metadata = { name: "guard.test", namespace };
    const event = {
      ...{ apiVersion: "v1", kind: "Event", metadata, involvedObject },
      ...{ reason: "Test", message: "test", type: "Normal" },
    };
    const get = (path: string): Call => ({ method: "GET", path });
    const answers = await asGuard(
      get(brake()),
      get(`${core()}/configmaps/rollout`),
      get(lease()),
      get(`${core()}/pods?labelSelector=app.kubernetes.io%2Fname%3Dpool-v2`),
      { method: "POST", path: `${core()}/events?dryRun=All`, body: event },
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 201]);
    // Whoever holds the Lease writes it as well: the version that was read may be an old one by then.
    const writeLease = async () => {
      const { body } = await one(get(lease()));
      return (await one({ method: "PUT", path: `${lease()}?dryRun=All`, body })).status;
    };
    await expect.poll(writeLease, { timeout: 20_000, interval: 100 }).toBe(200);
    life().record("the guard reads, lists, tells and holds its Lease", "allowed");
  });

  it("keeps its Lease over an update that looks at the cluster first", async () => {
    await expect.poll(holder, { timeout: 30_000, interval: 500 }).not.toBe("");
    const before = await holder();
    await commands().up({ args: ["--refresh"] });
    expect(await holder()).toBe(before);
    life().record("pulumi up --refresh while a guard leads", "its Lease stays its own");
  });

  it("may engage", async () => {
    const seconds = await timed(
      write({ "engaged.g1": record })
        .then(({ status, body }) => expect({ status, body }).toMatchObject({ status: 200 }))
        .then(() => life().braked("g1")),
    );
    life().record("the guard engages", "0 % on every router", seconds);
    // Beside a person's engagement too, and in the name of one that is there already.
    await life().breakGlass("a person");
    for (const id of ["engaged.g2", "engaged.g1"]) {
      expect((await write({ [id]: record })).status).toBe(200);
    }
    await life().braked("g1", "g2", "anonymous");
  });

  it("may raise nothing, read no secret and touch nothing else", async () => {
    const calls = refusedCalls(commands().namespace);
    expect(calls.length).toBeGreaterThanOrEqual(15);
    await expectRefused(calls, "its rights");
  });

  it("may not release, change or lock: its rights do not tell that from engaging, the policy does", async () => {
    const refused = (what: string, body: object, reason: RegExp): RefusedCall => ({
      ...patch(body),
      ...{ what, reason },
    });
    const data = (values: Readonly<Record<string, string | null>> | null) => ({ data: values });
    const all = { "engaged.g1": null, "engaged.g2": null, engaged: null };
    await expectRefused(
      [
        refused("release all", data(all), /released/),
        refused("remove its own", data({ "engaged.g1": null }), /change or remove/),
        refused("remove a person's", data({ engaged: null }), /change or remove/),
        refused("change one", data({ "engaged.g1": "{}" }), /change or remove/),
        refused("write a release", data({ "released.g1": record }), /add nothing/),
        refused(
          "release and engage",
          data({ "released.g1": "", "engaged.g3": record }),
          /add nothing/,
        ),
        refused("clear by merge", data(null), /released/),
        {
          ...refused("clear by JSON patch", [{ op: "remove", path: "/data" }], /released/),
          patch: "json",
        },
        refused("lock", { immutable: true }, /keep others/),
      ],
      "the admission policy",
    );
    await life().braked("g1", "g2", "anonymous");
  });

  it("may not replace or delete either where its rights were widened by hand", async () => {
    const { namespace } = commands();
    const verbs = "--verb=get,list,create,update,patch,delete,deletecollection";
    await kubectl("create", "role", "guard-widened", verbs, "--resource=configmaps");
    const account = `--serviceaccount=${namespace}:guard`;
    await kubectl("create", "rolebinding", "guard-widened", "--role=guard-widened", account);
    try {
      const configMap = (name: string, content: object) => ({
        ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace } },
        ...content,
      });
      const other = configMap("unrelated", {});
      const make = {
        method: "POST",
        path: `${core()}/configmaps?dryRun=All`,
        body: other,
      } as const;
      // The rights are in force when it may do what concerns no brake.
      await expect.poll(async () => (await one(make)).status, { timeout: 10_000 }).toBe(201);
      const collection = `${core()}/configmaps?fieldSelector=metadata.name%3Dbrake`;
      await expectRefused(
        [
          {
            ...{ what: "replace", method: "PUT", path: brake(), reason: /change or remove/ },
            body: configMap("brake", { data: { "engaged.g9": record } }),
          },
          { what: "delete", method: "DELETE", path: brake(), reason: /may not delete/ },
          {
            ...{ what: "delete the collection", method: "DELETE", path: collection },
            reason: /may not delete/,
          },
        ],
        "the admission policy",
      );
    } finally {
      await kubectl("delete", "rolebinding,role", "guard-widened");
    }
    await life().braked("g1", "g2", "anonymous");
  });

  it("may engage what is released, and write nothing else into it; people may release", async () => {
    const { code } = await life().release();
    // A guard's rollback is not released above p5 without a person's word.
    expect(code).toBe(2);
    const ids = { "engaged.g1": null, "engaged.g2": null, engaged: null };
    const released = { "released.g1": "{}", "released.g2": "{}", "released.anonymous": "{}" };
    const data = dataPatch({ ...ids, ...released });
    await kubectl("patch", "configmap", "brake", "--type=merge", "-p", data);
    await life().released();
    // An engagement that is released already would not engage.
    for (const refused of [{ "engaged.g1": record }, { note: "x" }, { "released.g5": "{}" }]) {
      const { status, body } = await write(refused);
      expect({ status, message: body.message }).toEqual({
        status: 403,
        message: expect.stringMatching(/denied|forbidden/i) as string,
      });
    }
    expect((await write({ "engaged.g6": record })).status).toBe(200);
    await life().braked("g6");
    const forced = await life().verb("release", ["--reason", "test", "--yes", "--force"]);
    expect(forced.code).toBe(0);
    await life().released();
    life().record("people release the guard's engagement", "50 % again");
  });
}
