import type { BadInput } from "./bad-input.ts";

/** The database. */
export const badDatabase: Readonly<Record<string, BadInput>> = {
  "a URL as the database's host": {
    change: { "database/host": "postgres://db" },
    message:
      "pool-migration:database.host is \"postgres://db\", but must be a host name or an address, without scheme and port; run: pulumi config set --path 'pool-migration:database.host' db.example.com",
  },
  "a database without a host": {
    change: { "database/host": undefined },
    message:
      "pool-migration:database.host is missing, but must be a host name or an address, without scheme and port; run: pulumi config set --path 'pool-migration:database.host' db.example.com",
  },
  "a database without an admin": {
    change: { "database/admin": undefined },
    message:
      "pool-migration:database.admin.user is missing, but must be 1 to 63 characters without spaces; run: pulumi config set --path 'pool-migration:database.admin.user' postgres",
  },
  "a database without the admin's password": {
    change: { "database/admin/password": undefined },
    message:
      "pool-migration:database.admin.password is missing, but must be a secret; run: pulumi config set --secret --path 'pool-migration:database.admin.password'",
  },
  "an admin's password in clear": {
    change: {},
    origin: { secretKeys: new Set(["pool", "router"]) },
    message:
      "pool-migration:database.admin.password is stored in clear, but must be a secret, and a new one because this one could be read; run: pulumi config set --secret --path 'pool-migration:database.admin.password'",
  },
  "an unknown way to encrypt": {
    change: { "database/ssl": "prefer" },
    message:
      "pool-migration:database.ssl is \"prefer\", but must be require or disable; run: pulumi config set --path 'pool-migration:database.ssl' require",
  },
  "samples that are kept for no month": {
    change: { "database/keepMonths": 0 },
    message:
      "pool-migration:database.keepMonths is 0, but must be an integer from 1 to 120; run: pulumi config set --path 'pool-migration:database.keepMonths' 12",
  },
  "a database name that needs quotes": {
    change: { "database/name": "Pool-Migration" },
    message:
      "pool-migration:database.name is \"Pool-Migration\", but must be 1 to 63 lower-case letters, digits and underscores, no digit first; run: pulumi config set --path 'pool-migration:database.name' pool_migration",
  },
};
