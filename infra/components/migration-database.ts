import * as postgresql from "@pulumi/postgresql";
import * as pulumi from "@pulumi/pulumi";
import type { DatabaseConfig } from "../config/migration-config.ts";
import { loginPassword } from "../database/login-password.ts";
import { accessKinds, groupRole, loginRole, schemaName } from "../database/names.ts";
import type { AccessKind } from "../database/names.ts";
import { MaintenanceCronJob } from "./maintenance-cron-job.ts";
import { MigrationJob } from "./migration-job.ts";

/** What the migration's database is made of. */
export interface MigrationDatabaseArgs extends DatabaseConfig {
  /** Namespace of the stack, where the migrations run. */
  readonly namespace: pulumi.Input<string>;
  /** Longest time that a pod may take to start (`pool.readyTimeoutSeconds`). */
  readonly readyTimeoutSeconds: number;
}

type Roles = Readonly<Record<AccessKind, postgresql.Role>>;

/**
 * Database, schema, roles and privileges of the migration's tables, the Job that brings the tables up to date, and the
 * CronJob that keeps them in order. Tables are made by SQL migrations, not by Pulumi. Nothing in the traffic's path
 * depends on any of this.
 */
export class MigrationDatabase extends pulumi.ComponentResource {
  /** Name of the Job that ran the migrations last. */
  readonly jobName: pulumi.Output<string>;
  /**
   * What has to be there before anybody logs in who records, and goes after they have gone: a database in which somebody
   * is logged in cannot be dropped by an administrator who is no superuser.
   */
  readonly access: readonly pulumi.Resource[];

  constructor(name: string, args: MigrationDatabaseArgs, opts: pulumi.ComponentResourceOptions) {
    super("pool-migration:components:MigrationDatabase", name, {}, opts);
    const { user, password } = args.admin;
    const provider = new postgresql.Provider(
      name,
      {
        host: args.host,
        port: args.port,
        username: user,
        password,
        sslmode: args.ssl,
        superuser: false,
        connectTimeout: 15,
      },
      { parent: this },
    );
    const child = { parent: this, provider };

    const groups = createGroups(args.name, child);
    const logins = createLogins(args.name, groups, password, child);
    const database = new postgresql.Database(
      name,
      { name: args.name, owner: groups.owner.name, encoding: "UTF8" },
      child,
    );
    const schema = new postgresql.Schema(
      name,
      { name: schemaName, database: database.name, owner: groups.owner.name },
      // Dropping the database drops what is in it; a schema with tables could not be dropped by itself.
      { ...child, deletedWith: database },
    );
    const inside = { ...child, deletedWith: database };
    const privileges = [
      ...createPrivileges(groups, database, schema, inside),
      ...revokePublic(user, groups, database, inside),
    ];
    const pod = {
      namespace: args.namespace,
      image: args.toolsImage,
      connection: {
        PGHOST: args.host,
        PGPORT: String(args.port),
        PGDATABASE: database.name,
        PGUSER: logins.owner.name,
        PGSSLMODE: args.ssl,
      },
      readyTimeoutSeconds: args.readyTimeoutSeconds,
    };
    const job = new MigrationJob(
      "migrate",
      { ...pod, password: derivePassword(password, args.name, "owner") },
      { parent: this, dependsOn: [schema, ...privileges, ...Object.values(logins)] },
    );
    new MaintenanceCronJob(
      "maintain",
      { ...pod, credentials: job.credentials, keepMonths: args.keepMonths },
      { parent: this, dependsOn: job },
    );
    this.jobName = job.jobName;
    this.access = [database, logins.writer];
    this.registerOutputs({ jobName: this.jobName });
  }
}

function derivePassword(
  admin: pulumi.Output<string>,
  database: string,
  kind: AccessKind,
): pulumi.Output<string> {
  return admin.apply((password) => loginPassword(password, database, kind));
}

function createGroups(database: string, opts: pulumi.CustomResourceOptions): Roles {
  return forEachKind((kind) => {
    const name = groupRole(database, kind);
    return new postgresql.Role(kind, { name, login: false }, opts);
  });
}

function createLogins(
  database: string,
  groups: Roles,
  admin: pulumi.Output<string>,
  opts: pulumi.CustomResourceOptions,
): Roles {
  return forEachKind(
    (kind) =>
      new postgresql.Role(
        `${kind}-login`,
        {
          name: loginRole(database, kind),
          login: true,
          password: derivePassword(admin, database, kind),
          roles: [groups[kind].name],
          searchPaths: [schemaName],
        },
        opts,
      ),
  );
}

/**
 * Who may do what. By default the writer may add rows to a table and read them, which makes every table a journal;
 * the SQL migrations name the few tables whose rows it may also change.
 */
function createPrivileges(
  groups: Roles,
  database: postgresql.Database,
  schema: postgresql.Schema,
  opts: pulumi.CustomResourceOptions,
): pulumi.CustomResource[] {
  return (["writer", "reader"] as const).flatMap((kind) => [
    new postgresql.Grant(
      `${kind}-connects`,
      {
        database: database.name,
        role: groups[kind].name,
        objectType: "database",
        privileges: ["CONNECT"],
      },
      opts,
    ),
    new postgresql.Grant(
      `${kind}-uses-schema`,
      {
        database: database.name,
        role: groups[kind].name,
        schema: schema.name,
        objectType: "schema",
        privileges: ["USAGE"],
      },
      opts,
    ),
    new postgresql.DefaultPrivileges(
      `${kind}-tables`,
      {
        database: database.name,
        role: groups[kind].name,
        owner: groups.owner.name,
        schema: schema.name,
        objectType: "table",
        privileges: kind === "writer" ? ["SELECT", "INSERT"] : ["SELECT"],
      },
      opts,
    ),
  ]);
}

/**
 * Takes from the server's other logins what PostgreSQL gives to everybody: to connect to the database, to make temporary
 * tables in it, and to call the functions that the owner makes. The administrator, who need not be a superuser, is
 * one of these others, and keeps the right to connect.
 */
function revokePublic(
  administrator: string,
  groups: Roles,
  database: postgresql.Database,
  opts: pulumi.CustomResourceOptions,
): pulumi.CustomResource[] {
  const administratorConnects = new postgresql.Grant(
    "administrator-connects",
    {
      database: database.name,
      role: administrator,
      objectType: "database",
      privileges: ["CONNECT"],
    },
    opts,
  );
  return [
    administratorConnects,
    new postgresql.Grant(
      "public-database",
      { database: database.name, role: "public", objectType: "database", privileges: [] },
      { ...opts, dependsOn: [administratorConnects] },
    ),
    new postgresql.DefaultPrivileges(
      "public-functions",
      {
        database: database.name,
        role: "public",
        owner: groups.owner.name,
        objectType: "function",
        privileges: [],
      },
      opts,
    ),
  ];
}

function forEachKind(create: (kind: AccessKind) => postgresql.Role): Roles {
  return Object.fromEntries(accessKinds.map((kind) => [kind, create(kind)])) as Record<
    AccessKind,
    postgresql.Role
  >;
}
