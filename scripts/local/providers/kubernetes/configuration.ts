import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { ClusterConnection } from "../../../lib/cluster-connection.ts";
import { findConnection } from "../../../lib/kubeconfig.ts";
import { isUnknown, reveal, type PropertyMap } from "../lib/properties.ts";
import { pluckText } from "./objects.ts";
import type { Mutability } from "./inputs.ts";

/** The provider's configuration, read from `new k8s.Provider(name, {…})`. */
export interface Configuration {
  /** Path or contents of a kubeconfig; absent = where kubectl looks. */
  kubeconfig: string | undefined;
  context: string | undefined;
  /** Namespace of objects that name none; absent = that of the context. */
  namespace: string | undefined;
  mutable: Mutability;
  /** Take over fields that other writers own. */
  force: boolean;
  /** Take objects that exist already instead of refusing to create them. */
  upsert: boolean;
}

/** Options of the official provider that change what it does and that are not imitated. */
const unsupported = [
  "renderYamlToDirectory",
  "cluster",
  "deleteUnreachable",
  "skipUpdateUnreachable",
];

/** Reads the configuration. @throws for an option that the stand-in does not know how to honour. */
export function parseConfiguration(raw: PropertyMap): Configuration {
  const values = reveal(raw);
  // The SDK sends booleans as JSON text.
  const flag = (name: string) => values[name] === true || values[name] === "true";
  const text = (name: string) => {
    const value = pluckText(values, name);
    return isUnknown(value) ? undefined : value;
  };
  const refused = unsupported.filter((name) => text(name) !== undefined && text(name) !== "false");
  if (text("enableServerSideApply") === "false") refused.push("enableServerSideApply=false");
  if (refused.length > 0) {
    throw new Error(
      `The stand-in for the Kubernetes provider does not know ${refused.join(", ")}: leave it out, or install the official plugin.`,
    );
  }
  return {
    kubeconfig: text("kubeconfig"),
    context: text("context"),
    namespace: text("namespace"),
    mutable: {
      configMaps: flag("enableConfigMapMutable"),
      secrets: flag("enableSecretMutable"),
    },
    force: flag("enablePatchForce"),
    upsert: flag("upsertExistingObjects"),
  };
}

/** Finds the API server: the configured kubeconfig, else KUBECONFIG, else `~/.kube/config`, else the Pod's account. */
export async function connect({ kubeconfig, context }: Configuration): Promise<ClusterConnection> {
  const find = (path: string | undefined) =>
    findConnection(
      { context },
      path === undefined ? process.env : { ...process.env, KUBECONFIG: path },
    );
  if (kubeconfig === undefined || !kubeconfig.includes("\n")) return find(kubeconfig);
  const directory = await mkdtemp(join(tmpdir(), "kubeconfig-"));
  try {
    const file = join(directory, "config");
    await writeFile(file, kubeconfig, { mode: 0o600 });
    return await find(file);
  } finally {
    await rm(directory, { recursive: true });
  }
}
