import { randomBytes } from "node:crypto";
import type { Environment, ImageReferences } from "../local/environment.ts";
import { AdminDatabase } from "./admin-database.ts";
import { StackCommands } from "./stack-commands.ts";
import { copyWorkDirectory, removeWorkDirectory } from "./work-directory.ts";

/** What a rehearsed stack is made from. */
export interface StackSetUp {
  readonly environment: Environment;
  readonly images: ImageReferences;
  /** Name of the stack; its databases are named after it. */
  readonly stack: string;
  /** Longest wait for a Deployment, seconds: a broken image fails an `up` after this time. */
  readonly readyTimeoutSeconds: number;
}

/** A stack that is configured and not yet up. */
export interface ReadyStack {
  readonly commands: StackCommands;
  /** Token of the router agents' interface. */
  readonly agentToken: string;
  /** Token of the direct brake. */
  readonly brakeToken: string;
  /** Removes what `pulumi destroy` leaves to others: the pools' own database and the work directory. */
  cleanUp(): Promise<void>;
  /** Removes everything by force, for a stack that is not destroyed any more. */
  abandon(): Promise<void>;
}

/** Name of the database that both pools share: it belongs to them, not to the stack. */
function poolDatabase(stack: string): string {
  return `pools_${stack.replaceAll("-", "_")}`;
}

/** Name of the database that the stack creates. */
export function stackDatabase(stack: string): string {
  return `migration_${stack.replaceAll("-", "_")}`;
}

/**
 * Prepares a stack of its own in a copied work directory: what an earlier run that was killed left in
 * the cluster is removed, the pools get their database, and the configuration is set by the commands
 * that people use. Secrets go through standard input.
 */
export async function setUpStack(setUp: StackSetUp): Promise<ReadyStack> {
  const { environment, images, stack } = setUp;
  const database = new AdminDatabase(environment);
  const directory = copyWorkDirectory();
  const commands = new StackCommands({ environment, stack, directory });
  const removeByForce = async (): Promise<void> => {
    await commands.forget();
    await commands.kubectl(["delete", "namespace", commands.namespace, "--ignore-not-found"]);
    await database.dropStackDatabase(stackDatabase(stack));
    await database.dropPoolDatabase(poolDatabase(stack));
  };
  await removeByForce();
  const password = randomBytes(16).toString("hex");
  const databaseUrl = await database.createPoolDatabase(poolDatabase(stack), password);
  const agentToken = randomBytes(24).toString("hex");
  const brakeToken = randomBytes(24).toString("hex");
  const { host, port, user } = environment.postgres;

  await commands.init();
  await commands.setConfig({
    profile: "rehearsal",
    "v1.image": images["pool-v1"],
    "v2.image": images["pool-v2"],
    "images.router": images.router,
    "images.tools": images.tools,
    "pool.operationTimeoutSeconds": "10",
    "pool.drainTimeoutSeconds": "10",
    "pool.readyTimeoutSeconds": String(setUp.readyTimeoutSeconds),
    "pool.settings.POOL_FAULTS_ENABLED": "true",
    "flags.poolV2Enabled": "true",
    "database.host": host,
    "database.port": String(port),
    "database.name": stackDatabase(stack),
    "database.admin.user": user,
  });
  await commands.setSecret("router.agentToken", agentToken);
  await commands.setSecret("router.brakeToken", brakeToken);
  await commands.setSecret("pool.settings.DATABASE_URL", databaseUrl);
  await commands.setSecret("database.admin.password", database.password);
  return {
    commands,
    agentToken,
    brakeToken,
    async cleanUp() {
      removeWorkDirectory(directory);
      await database.dropPoolDatabase(poolDatabase(stack));
    },
    async abandon() {
      await removeByForce();
      removeWorkDirectory(directory);
    },
  };
}
