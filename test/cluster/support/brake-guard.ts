import { beforeAll, expect, it } from "vitest";
import type { BrakeLife } from "./brake-life.ts";
import { dataPatch, timed } from "./brake-life.ts";

/** What the ServiceAccount of the guard may do with the brake, and what it may not. */
export function describeGuard(life: () => BrakeLife): void {
  const kubectl = (...args: string[]) => life().test.stack.commands.kubectl(args);
  /** A kubectl of the guard; what it is refused is a result like any other. */
  const asGuard = async (...args: string[]) => {
    const { commands } = life().test.stack;
    const user = `system:serviceaccount:${commands.namespace}:guard`;
    return await commands.kubectl(["--as", user, ...args], { mayFail: true });
  };
  const guardPatch = (data: Record<string, string | null> | null) =>
    asGuard("patch", "configmap", "brake", "--type=merge", "-p", dataPatch(data));
  const brakeVersion = async () =>
    (await kubectl("get", "configmap", "brake", "--output=jsonpath={.metadata.resourceVersion}"))
      .output;
  const record = JSON.stringify({ who: "guard", when: "", why: "evidence", source: "guard" });

  beforeAll(async () => {
    await life().released();
    await kubectl("create", "serviceaccount", "guard");
    // More than it will ever have: the policy has to hold where RBAC was given too freely.
    const verbs = "--verb=get,list,create,update,patch,delete,deletecollection";
    await kubectl("create", "role", "guard", verbs, "--resource=configmaps");
    const account = `--serviceaccount=${life().test.stack.commands.namespace}:guard`;
    await kubectl("create", "rolebinding", "guard", "--role=guard", account);
  });

  it("may engage", async () => {
    const seconds = await timed(
      guardPatch({ "engaged.g1": record })
        .then(({ code, output }) => expect({ code, output }).toMatchObject({ code: 0 }))
        .then(() => life().braked("g1")),
    );
    life().record("the guard engages", "0 % on every router", seconds);
    // Beside a person's engagement too, and in the name of one that is there already.
    await life().breakGlass("a person");
    for (const id of ["engaged.g2", "engaged.g1"]) {
      expect((await guardPatch({ [id]: record })).code).toBe(0);
    }
    await life().braked("g1", "g2", "anonymous");
  });

  it("may not release, change, clear, replace, lock or delete", async () => {
    const { namespace } = life().test.stack.commands;
    const before = await brakeVersion();
    const object = (content: object) =>
      JSON.stringify({
        apiVersion: "v1",
        kind: "ConfigMap",
        metadata: { name: "brake", namespace },
        ...content,
      });
    const replace = async (content: object) => {
      const user = `system:serviceaccount:${namespace}:guard`;
      const args = ["--as", user, "--namespace", namespace, "replace", "-f", "-"];
      return await life()
        .test.environment.execInside("kubectl", args, object(content))
        .then((output) => ({ code: 0, output }))
        .catch((error: unknown) => ({ code: 1, output: String(error) }));
    };
    const collection = `/api/v1/namespaces/${namespace}/configmaps?fieldSelector=metadata.name%3Dbrake`;
    const remove = JSON.stringify([{ op: "remove", path: "/data" }]);
    const attempts: [string, () => Promise<{ code: number; output: string }>, RegExp][] = [
      [
        "release all",
        () => guardPatch({ "engaged.g1": null, "engaged.g2": null, engaged: null }),
        /released/,
      ],
      ["remove its own", () => guardPatch({ "engaged.g1": null }), /change or remove/],
      ["remove a person's", () => guardPatch({ engaged: null }), /change or remove/],
      ["change one", () => guardPatch({ "engaged.g1": "{}" }), /change or remove/],
      ["write a release", () => guardPatch({ "released.g1": record }), /add nothing/],
      [
        "release and engage",
        () => guardPatch({ "released.g1": "", "engaged.g3": record }),
        /add nothing/,
      ],
      ["clear by merge", () => guardPatch(null), /released/],
      [
        "clear by JSON patch",
        () => asGuard("patch", "configmap", "brake", "--type=json", "-p", remove),
        /released/,
      ],
      ["replace", () => replace({ data: { "engaged.g9": record } }), /change or remove/],
      [
        "lock",
        () => asGuard("patch", "configmap", "brake", "--type=merge", "-p", `{"immutable":true}`),
        /keep others/,
      ],
      ["delete", () => asGuard("delete", "configmap", "brake"), /may not delete/],
      ["delete the collection", () => asGuard("delete", "--raw", collection), /may not delete/],
    ];
    for (const [what, attempt, reason] of attempts) {
      const { code, output } = await attempt();
      expect({ what, refused: code !== 0, output }).toEqual({
        what,
        refused: true,
        output: expect.stringMatching(reason) as string,
      });
      life().record(`the guard tries to ${what}`, "refused by the admission policy");
    }
    expect(await brakeVersion()).toBe(before);
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
      expect((await guardPatch(refused)).output).toMatch(/denied|forbidden/i);
    }
    const other = await asGuard("create", "configmap", "unrelated", "--from-literal=a=b");
    expect(other.code).toBe(0);
    expect((await guardPatch({ "engaged.g6": record })).code).toBe(0);
    await life().braked("g6");
    const forced = await life().verb("release", ["--reason", "test", "--yes", "--force"]);
    expect(forced.code).toBe(0);
    await life().released();
    life().record("people release the guard's engagement", "50 % again");
  });
}
