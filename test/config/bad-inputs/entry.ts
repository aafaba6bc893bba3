import { sampleSecrets } from "../sample-config.ts";
import type { BadInput } from "./bad-input.ts";

/** How callers come to the router and leave it, and the token of the direct brake. */
export const badEntry: Readonly<Record<string, BadInput>> = {
  "an unknown entry": {
    change: { "router/entry": "around" },
    message:
      "pool-migration:router.entry is \"around\", but must be inline or beside; run: pulumi config set --path 'pool-migration:router.entry' inline",
  },
  "callers past the router to a V1 that is gone": {
    change: { stage: "retired", "router/entry": "beside" },
    message:
      "pool-migration:router.entry is \"beside\", but must be inline at stage retired, because V1, where it leads, is gone there; run: pulumi config set --path 'pool-migration:router.entry' inline",
  },
  "a router that retires before V1": {
    change: { "router/retire": true },
    message:
      "pool-migration:router.retire is true, but must be false at stage p25, because only at stage retired V2 serves alone; run: pulumi config set --path 'pool-migration:router.retire' false",
  },
  "a router that retires with V1 alone in place": {
    change: { stage: "baseline", "router/retire": true },
    message:
      "pool-migration:router.retire is true, but must be false at stage baseline, because only at stage retired V2 serves alone; run: pulumi config set --path 'pool-migration:router.retire' false",
  },
  "a retirement that is neither true nor false": {
    change: { "router/retire": "later" },
    message:
      "pool-migration:router.retire is \"later\", but must be true or false; run: pulumi config set --path 'pool-migration:router.retire' false",
  },
  "a type of Service that leads nowhere": {
    change: { "router/serviceType": "ExternalName" },
    message:
      "pool-migration:router.serviceType is \"ExternalName\", but must be ClusterIP, NodePort or LoadBalancer; run: pulumi config set --path 'pool-migration:router.serviceType' ClusterIP",
  },
  "a type of Service in another spelling": {
    change: { "router/serviceType": "loadBalancer" },
    message:
      "pool-migration:router.serviceType is \"loadBalancer\", but must be ClusterIP, NodePort or LoadBalancer; run: pulumi config set --path 'pool-migration:router.serviceType' ClusterIP",
  },
  "the direct brake's token in clear": {
    change: {},
    origin: { clearPaths: ["router.brakeToken"] },
    message:
      "pool-migration:router.brakeToken is stored in clear, but must be a secret, and a new one because this one could be read; run: openssl rand -hex 32 | pulumi config set --secret --path 'pool-migration:router.brakeToken'",
  },
  "a direct brake that can be guessed": {
    change: { "router/brakeToken": "stop" },
    message:
      "pool-migration:router.brakeToken is a string (not shown), but must be a secret of 16 to 256 printable characters without spaces and commas; run: openssl rand -hex 32 | pulumi config set --secret --path 'pool-migration:router.brakeToken'",
  },
  "a direct brake with the agents' token": {
    change: { "router/brakeToken": sampleSecrets.agentToken },
    message:
      "pool-migration:router.brakeToken equals router.agentToken, but must be another secret, because people who brake know it; run: openssl rand -hex 32 | pulumi config set --secret --path 'pool-migration:router.brakeToken'",
  },
  "a direct brake with the testers' token": {
    change: { "router/brakeToken": sampleSecrets.overrideToken },
    message:
      "pool-migration:router.brakeToken equals router.override.token, but must be another secret, because people who brake know it; run: openssl rand -hex 32 | pulumi config set --secret --path 'pool-migration:router.brakeToken'",
  },
};
