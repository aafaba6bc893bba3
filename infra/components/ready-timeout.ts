import type * as pulumi from "@pulumi/pulumi";

/** How long the engine waits until a Deployment's new pods are ready; then the update fails. */
export function readyTimeout(seconds: number): pulumi.CustomTimeouts {
  return { create: `${seconds}s`, update: `${seconds}s` };
}
