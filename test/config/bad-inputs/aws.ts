import type { BadInput } from "./bad-input.ts";

/** What is on AWS, and a database server there. */
export const badAws: Readonly<Record<string, BadInput>> = {
  "AWS, which this version cannot use": {
    change: { "aws/enabled": true },
    message:
      "pool-migration:aws.enabled is true, but must be left out, because this version cannot yet declare anything on AWS; run: pulumi config rm --path 'pool-migration:aws.enabled'",
  },
  "a region by its city": {
    change: { "aws/region": "Frankfurt" },
    message:
      "pool-migration:aws.region is \"Frankfurt\", but must be the name of a region such as eu-central-1; run: pulumi config set --path 'pool-migration:aws.region' eu-central-1",
  },
  "an endpoint without a scheme": {
    change: { "aws/endpoint": "localhost:4566" },
    message:
      "pool-migration:aws.endpoint is \"localhost:4566\", but must be an http or https URL of host and port; run: pulumi config set --path 'pool-migration:aws.endpoint' http://127.0.0.1:4566",
  },
  "people to notify that are no list": {
    change: { "aws/notify": "ops@example.com" },
    message:
      "pool-migration:aws.notify is a string (not shown), but must be a list of which each is an e-mail address or an https URL; run: pulumi config rm --path 'pool-migration:aws.notify'",
  },
  "somebody to notify who cannot be reached": {
    change: { "aws/notify": ["ops@example.com", "slack"] },
    message:
      "pool-migration:aws.notify[1] is \"slack\", but must be an e-mail address or an https URL; run: pulumi config set --path 'pool-migration:aws.notify[1]' on-call@example.com",
  },
  "an archive, which this version cannot make": {
    change: { "archive/enabled": "true" },
    message:
      "pool-migration:archive.enabled is true, but must be left out, because this version cannot yet archive anything; run: pulumi config rm --path 'pool-migration:archive.enabled'",
  },
  "a bucket that S3 does not allow": {
    change: { "archive/bucket": "Archive_1" },
    message:
      "pool-migration:archive.bucket is \"Archive_1\", but must be 3 to 63 lower-case letters, digits and inner hyphens; run: pulumi config set --path 'pool-migration:archive.bucket' pool-migration-archive",
  },
  "an archive that is kept for no time": {
    change: { "archive/retentionDays": 0 },
    message:
      "pool-migration:archive.retentionDays is 0, but must be an integer from 1 to 36500; run: pulumi config set --path 'pool-migration:archive.retentionDays' 90",
  },
  "an unknown lock": {
    change: { "archive/lock": "legal" },
    message:
      "pool-migration:archive.lock is \"legal\", but must be governance or compliance; run: pulumi config set --path 'pool-migration:archive.lock' governance",
  },
  "a database server, which this version cannot create": {
    change: { "database/rds": { instanceClass: "db.t4g.medium" } },
    message:
      "pool-migration:database.rds is a map, but must be left out, because this version cannot yet create a database server; run: pulumi config rm --path 'pool-migration:database.rds'",
  },
  "a database server of an unknown class": {
    change: { "database/rds/instanceClass": "medium" },
    message:
      "pool-migration:database.rds.instanceClass is \"medium\", but must be a class such as db.t4g.medium; run: pulumi config set --path 'pool-migration:database.rds.instanceClass' db.t4g.medium",
  },
};
