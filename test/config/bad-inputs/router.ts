import { sampleSecrets } from "../sample-config.ts";
import type { BadInput } from "./bad-input.ts";

/** What concerns the router and the images of our own. */
export const badRouter: Readonly<Record<string, BadInput>> = {
  "an image with a broken digest": {
    change: { "images/router": "router@sha256:abc" },
    message:
      "pool-migration:images.router is \"router@sha256:abc\", but must be an image reference with a digest or a tag other than latest; run: pulumi config set --path 'pool-migration:images.router' registry.example.com/router:1.0.0",
  },
  "no router image": {
    change: { "images/router": undefined },
    message:
      "pool-migration:images.router is missing, but must be an image reference with a digest or a tag other than latest unless router.retire is true; run: pulumi config set --path 'pool-migration:images.router' registry.example.com/router:1.0.0",
  },
  "no image for the guard": {
    change: { "images/tools": undefined, database: undefined },
    message:
      "pool-migration:images.tools is missing, but must be an image reference with a digest or a tag other than latest unless router.retire is true; run: pulumi config set --path 'pool-migration:images.tools' registry.example.com/tools:1.0.0",
  },
  "a database without the image that migrates it": {
    change: { stage: "retired", "router/retire": true, "images/tools": undefined },
    message:
      "pool-migration:images.tools is missing, but must be an image reference with a digest or a tag other than latest where database is set; run: pulumi config set --path 'pool-migration:images.tools' registry.example.com/tools:1.0.0",
  },
  "a number with a leading zero": {
    change: { "router/replicas": "03" },
    message:
      "pool-migration:router.replicas is \"03\", but must be an integer from 1 to 100; run: pulumi config set --path 'pool-migration:router.replicas' 2",
  },
  "a malformed header name": {
    change: { "router/sessionHeader": "x session" },
    message:
      "pool-migration:router.sessionHeader is \"x session\", but must be a header name of letters, digits and hyphens without a meaning of its own; run: pulumi config set --path 'pool-migration:router.sessionHeader' x-session-id",
  },
  "a header with a meaning of its own": {
    change: { "router/sessionHeader": "X-Request-Id" },
    message:
      "pool-migration:router.sessionHeader is \"X-Request-Id\", but must be a header name of letters, digits and hyphens without a meaning of its own; run: pulumi config set --path 'pool-migration:router.sessionHeader' x-session-id",
  },
  "no agent token": {
    change: { router: {} },
    message:
      "pool-migration:router.agentToken is missing, but must be a secret of 16 to 256 printable characters without spaces and commas unless router.retire is true; run: openssl rand -hex 32 | pulumi config set --secret --path 'pool-migration:router.agentToken'",
  },
  "an agent token in clear": {
    change: {},
    origin: { secretKeys: new Set(["pool", "database"]) },
    message:
      "pool-migration:router.agentToken is stored in clear, but must be a secret, and a new one because this one could be read; run: openssl rand -hex 32 | pulumi config set --secret --path 'pool-migration:router.agentToken'",
  },
  "a token in clear beside an encrypted one": {
    change: {},
    origin: { clearPaths: ["router.override.token"] },
    message:
      "pool-migration:router.override.token is stored in clear, but must be a secret, and a new one because this one could be read; run: openssl rand -hex 32 | pulumi config set --secret --path 'pool-migration:router.override.token'",
  },
  "a token that can be guessed": {
    change: { "router/agentToken": "swordfish" },
    message:
      "pool-migration:router.agentToken is a string (not shown), but must be a secret of 16 to 256 printable characters without spaces and commas; run: openssl rand -hex 32 | pulumi config set --secret --path 'pool-migration:router.agentToken'",
  },
  "a token with a comma, which a repeated header could be": {
    change: { "router/override/token": "0123456789abcdef,0123456789abcdef" },
    message:
      "pool-migration:router.override.token is a string (not shown), but must be a secret of 16 to 256 printable characters without spaces and commas; run: openssl rand -hex 32 | pulumi config set --secret --path 'pool-migration:router.override.token'",
  },
  "testers with the agents' token": {
    change: { "router/override/token": sampleSecrets.agentToken },
    message:
      "pool-migration:router.override.token equals router.agentToken, but must be another secret, because testers know it; run: openssl rand -hex 32 | pulumi config set --secret --path 'pool-migration:router.override.token'",
  },
  "a router that is no map": {
    change: { router: "swordfish" },
    message:
      "pool-migration:router is a string (not shown), but must be a map of replicas, sessionHeader, serviceType, entry, retire, agentToken, override, brakeToken; run: pulumi config rm pool-migration:router",
  },
};
