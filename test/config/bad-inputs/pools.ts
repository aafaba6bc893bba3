import type { BadInput } from "./bad-input.ts";

/** What concerns the pools. */
export const badPools: Readonly<Record<string, BadInput>> = {
  "a misspelt nested key": {
    change: { "v2/replicas/minimum": 3 },
    message:
      "pool-migration:v2.replicas.minimum is not a key of this program, but must be one of min, max; run: pulumi config rm --path 'pool-migration:v2.replicas.minimum'",
  },
  "a key of another section": {
    change: { "v1/readinessPath": "/" },
    message:
      "pool-migration:v1.readinessPath is not a key of this program; did you mean pool-migration:pool.readinessPath (allowed: image, replicas, resources, adopt); run: pulumi config rm --path 'pool-migration:v1.readinessPath'",
  },
  "a path that was set without --path": {
    change: { "v1.image": "pool:1" },
    message:
      "pool-migration:v1.image is one name, but \"v1.image\" is a path, so the command needs --path; run: pulumi config rm pool-migration:v1.image && pulumi config set --path 'pool-migration:v1.image' registry.example.com/pool:1.0.0",
  },
  "no V2 image at shadow": {
    change: { stage: "shadow", "v2/image": undefined },
    message:
      "pool-migration:v2.image is missing, but must be an image reference with a digest or a tag other than latest at stage shadow; run: pulumi config set --path 'pool-migration:v2.image' registry.example.com/pool:2.0.0",
  },
  "no V2 image at p5": {
    change: { stage: "p5", v2: undefined },
    message:
      "pool-migration:v2.image is missing, but must be an image reference with a digest or a tag other than latest at stage p5; run: pulumi config set --path 'pool-migration:v2.image' registry.example.com/pool:2.0.0",
  },
  "no V1 image": {
    change: { "v1/image": undefined },
    message:
      "pool-migration:v1.image is missing, but must be an image reference with a digest or a tag other than latest at stage p25; run: pulumi config set --path 'pool-migration:v1.image' registry.example.com/pool:1.0.0",
  },
  "an image with a space": {
    change: { "v2/image": "pool :2.0" },
    message:
      "pool-migration:v2.image is \"pool :2.0\", but must be an image reference with a digest or a tag other than latest; run: pulumi config set --path 'pool-migration:v2.image' registry.example.com/pool:2.0.0",
  },
  "an image without a tag": {
    change: { "v2/image": "localhost:5000/pool" },
    message:
      "pool-migration:v2.image is \"localhost:5000/pool\", but must be an image reference with a digest or a tag other than latest; run: pulumi config set --path 'pool-migration:v2.image' registry.example.com/pool:2.0.0",
  },
  "an image that changes under its tag": {
    change: { "v1/image": "pool:latest" },
    message:
      "pool-migration:v1.image is \"pool:latest\", but must be an image reference with a digest or a tag other than latest; run: pulumi config set --path 'pool-migration:v1.image' registry.example.com/pool:1.0.0",
  },
  "a placeholder": {
    change: { "v2/image": "<v2-image>" },
    message:
      "pool-migration:v2.image is still the placeholder \"<v2-image>\", but must be an image reference with a digest or a tag other than latest; run: pulumi config set --path 'pool-migration:v2.image' registry.example.com/pool:2.0.0",
  },
  "no V1 pods": {
    change: { "v1/replicas": 0 },
    message:
      "pool-migration:v1.replicas is 0, but must be an integer from 1 to 1000; run: pulumi config set --path 'pool-migration:v1.replicas' 2",
  },
  "a negative number of V2 pods": {
    change: { "v2/replicas/min": -1 },
    message:
      "pool-migration:v2.replicas.min is -1, but must be an integer from 1 to 1000; run: pulumi config set --path 'pool-migration:v2.replicas.min' 2",
  },
  "a number where a map belongs": {
    change: { "v2/replicas": 2 },
    message:
      "pool-migration:v2.replicas is a number (not shown), but must be a map of min, max; run: pulumi config rm --path 'pool-migration:v2.replicas'",
  },
  "a number with a unit": {
    change: { "pool/operationTimeoutSeconds": "5s" },
    message:
      "pool-migration:pool.operationTimeoutSeconds is \"5s\", but must be a whole number of seconds from 1 to 300; run: pulumi config set --path 'pool-migration:pool.operationTimeoutSeconds' 30",
  },
  "a port out of range": {
    change: { "pool/port": 65536 },
    message:
      "pool-migration:pool.port is 65536, but must be an integer from 1 to 65535; run: pulumi config set --path 'pool-migration:pool.port' 8080",
  },
  "a readiness path that is none": {
    change: { "pool/readinessPath": "readyz" },
    message:
      'pool-migration:pool.readinessPath is "readyz", but must be a path that begins with "/", without spaces and "#"; run: pulumi config set --path \'pool-migration:pool.readinessPath\' /readyz',
  },
  "an operation timeout beyond the contract": {
    change: { "pool/operationTimeoutSeconds": 301 },
    message:
      "pool-migration:pool.operationTimeoutSeconds is 301, but must be a whole number of seconds from 1 to 300; run: pulumi config set --path 'pool-migration:pool.operationTimeoutSeconds' 30",
  },
  "a drain shorter than an operation": {
    change: { "pool/operationTimeoutSeconds": 60 },
    message:
      "pool-migration:pool.drainTimeoutSeconds is 30, but must be at least pool.operationTimeoutSeconds (60), or a stopping pod cuts requests that it accepted; run: pulumi config set --path 'pool-migration:pool.drainTimeoutSeconds' 60",
  },
  "a ready timeout of nothing": {
    change: { "pool/readyTimeoutSeconds": 0 },
    message:
      "pool-migration:pool.readyTimeoutSeconds is 0, but must be a whole number of seconds from 10 to 3600; run: pulumi config set --path 'pool-migration:pool.readyTimeoutSeconds' 120",
  },
  "a setting that the program sets itself": {
    change: { "pool/settings/POOL_PORT": 9000 },
    message:
      "pool-migration:pool.settings.POOL_PORT cannot be set, because the program sets it from pool.port; run: pulumi config rm --path 'pool-migration:pool.settings.POOL_PORT'",
  },
  "a setting that V2's pods are given": {
    change: { "v2/settings/POOL_SETTLE_S": 0 },
    message:
      "pool-migration:v2.settings.POOL_SETTLE_S cannot be set, because the program sets it from the time that the router needs to notice; run: pulumi config rm --path 'pool-migration:v2.settings.POOL_SETTLE_S'",
  },
  "a setting that is no environment variable": {
    change: { "v2/settings/pool-workers": 9 },
    message:
      "pool-migration:v2.settings.pool-workers is no name of an environment variable, but must be of letters, digits and underscores, no digit first; run: pulumi config rm --path 'pool-migration:v2.settings.pool-workers'",
  },
  "a setting that JSON has rounded": {
    change: { "v2/settings/ACCOUNT": 2 ** 60 },
    message:
      "pool-migration:v2.settings.ACCOUNT is a number (not shown), but must be text, true, false or a number; run: pulumi config set --path 'pool-migration:v2.settings.ACCOUNT' 'value'",
  },
};
