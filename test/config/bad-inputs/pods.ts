import type { BadInput } from "./bad-input.ts";

/** Contract, number and size of the pools' pods. */
export const badPods: Readonly<Record<string, BadInput>> = {
  "an unknown contract": {
    change: { "pool/contract": "http" },
    message:
      "pool-migration:pool.contract is \"http\", but must be full or none; run: pulumi config set --path 'pool-migration:pool.contract' full",
  },
  "the autoscaler's range upside down": {
    change: { "v2/replicas/max": 4 },
    message:
      "pool-migration:v2.replicas.max is 4, but must be at least v2.replicas.min (5); run: pulumi config set --path 'pool-migration:v2.replicas.max' 5",
  },
  "an autoscaler without pods": {
    change: { "v2/replicas/max": 0 },
    message:
      "pool-migration:v2.replicas.max is 0, but must be an integer from 1 to 1000; run: pulumi config set --path 'pool-migration:v2.replicas.max' 10",
  },
  "an autoscaler for V1": {
    change: { "v1/replicas": { min: 2, max: 4 } },
    message:
      "pool-migration:v1.replicas is a map, but must be an integer from 1 to 1000; run: pulumi config set --path 'pool-migration:v1.replicas' 2",
  },
  "CPU in words": {
    change: { "v2/resources/requests/cpu": "half" },
    message:
      'pool-migration:v2.resources.requests.cpu is "half", but must be cores such as "0.5" or thousandths such as "500m"; run: pulumi config set --path \'pool-migration:v2.resources.requests.cpu\' 500m',
  },
  "no CPU": {
    change: { "v1/resources/requests/cpu": 0 },
    message:
      'pool-migration:v1.resources.requests.cpu is 0, but must be cores such as "0.5" or thousandths such as "500m"; run: pulumi config set --path \'pool-migration:v1.resources.requests.cpu\' 500m',
  },
  "memory in a unit that Kubernetes does not have": {
    change: { "v2/resources/limits/memory": "512MB" },
    message:
      'pool-migration:v2.resources.limits.memory is "512MB", but must be bytes such as "512Mi" or "2Gi"; run: pulumi config set --path \'pool-migration:v2.resources.limits.memory\' 512Mi',
  },
  "a fraction of a byte": {
    change: { "v1/resources/requests/memory": 1.5 },
    message:
      'pool-migration:v1.resources.requests.memory is 1.5, but must be bytes such as "512Mi" or "2Gi"; run: pulumi config set --path \'pool-migration:v1.resources.requests.memory\' 512Mi',
  },
  "memory that is left empty": {
    change: { "v2/resources/limits/memory": null },
    message:
      'pool-migration:v2.resources.limits.memory is empty, but must be bytes such as "512Mi" or "2Gi"; run: pulumi config set --path \'pool-migration:v2.resources.limits.memory\' 512Mi',
  },
  "more CPU requested than allowed": {
    change: { "v2/resources": { requests: { cpu: "1.5" }, limits: { cpu: "800m" } } },
    message:
      "pool-migration:v2.resources.limits.cpu is \"800m\", but must be at least v2.resources.requests.cpu (1.5); run: pulumi config set --path 'pool-migration:v2.resources.limits.cpu' 1.5",
  },
  "more memory requested than allowed": {
    change: { "v1/resources/requests/memory": "1Gi" },
    message:
      "pool-migration:v1.resources.limits.memory is \"512Mi\", but must be at least v1.resources.requests.memory (1Gi); run: pulumi config set --path 'pool-migration:v1.resources.limits.memory' 1Gi",
  },
  "a misspelt resource": {
    change: { "v1/resources/requests/ram": "1Gi" },
    message:
      "pool-migration:v1.resources.requests.ram is not a key of this program, but must be one of cpu, memory; run: pulumi config rm --path 'pool-migration:v1.resources.requests.ram'",
  },
  "resources that are no map": {
    change: { "v2/resources": "small" },
    message:
      "pool-migration:v2.resources is a string (not shown), but must be a map of requests, limits; run: pulumi config rm --path 'pool-migration:v2.resources'",
  },
  "a setting that names the file of flags": {
    change: { "v2/settings/POOL_FLAGS_FILE": "/tmp/flags" },
    message:
      "pool-migration:v2.settings.POOL_FLAGS_FILE cannot be set, because the program sets it from flags; run: pulumi config rm --path 'pool-migration:v2.settings.POOL_FLAGS_FILE'",
  },
  "a V1 that runs already": {
    change: { "v1/adopt": { namespace: "default", deployment: "pool" } },
    message:
      "pool-migration:v1.adopt is a map, but must be left out, because this version cannot yet adopt a V1 that runs already; run: pulumi config rm --path 'pool-migration:v1.adopt'",
  },
  "a V1 that runs already, by half": {
    change: { "v1/adopt": { namespace: "Default", deployment: "pool" } },
    message:
      "pool-migration:v1.adopt.namespace is \"Default\", but must be 1 to 63 lower-case letters, digits and inner hyphens; run: pulumi config set --path 'pool-migration:v1.adopt.namespace' default",
  },
};
