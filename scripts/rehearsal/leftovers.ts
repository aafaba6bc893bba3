import type { StackCommands } from "./stack-commands.ts";

/** Kinds whose objects come and go by themselves. */
const volatileKinds =
  /^(events|leases|componentstatuses|tokenreviews|certificatesigningrequests)\b/;

/** Names of everything in the cluster that belongs to no namespace, namespaces included. */
export async function clusterObjects(commands: StackCommands): Promise<Set<string>> {
  const { output } = await commands.kubectl([
    ...["api-resources", "--namespaced=false", "--verbs=list", "--output=name"],
  ]);
  const kinds = output.split("\n").filter((kind) => kind !== "" && !volatileKinds.test(kind));
  const listed = await commands.kubectl(["get", kinds.join(","), "--output=name"]);
  return new Set(listed.output.split("\n").filter((name) => name.includes("/")));
}
