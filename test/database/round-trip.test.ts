import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { liveFingerprint } from "../../scripts/agents/migrate/catalog.ts";
import { down, up } from "../../scripts/agents/migrate/commands.ts";
import { prepareDatabase } from "./migrated-database.ts";
import { useOwnServer } from "./own-server.ts";
import { migrationNames } from "./sql-files.ts";

const own = useOwnServer();
const { copies } = own;

describe("migrations", () => {
  it("go up, down to nothing and up to the same tables again", async () => {
    const database = await prepareDatabase(own.server, "round_trip");
    const owner = await database.connect("owner");
    const first = await up(database.context);
    expect(first.changed).toEqual(migrationNames);
    expect(first.problems).toEqual([]);
    const fingerprint = await liveFingerprint(owner);

    const reverted = await down(database.context, migrationNames.length);
    expect(reverted.changed).toEqual(migrationNames.toReversed());
    const { rows } = await owner.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class
       WHERE relnamespace = 'pool_migration'::regnamespace AND relkind IN ('r', 'p', 'f', 'v')
       UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'pool_migration'::regnamespace`,
    );
    expect(rows.map(({ name }) => name)).toEqual(["schema_migrations"]);

    expect((await up(database.context)).changed).toEqual(migrationNames);
    expect(await liveFingerprint(owner)).toBe(fingerprint);
    await owner.query("ALTER TABLE stage_changes ADD COLUMN added text");
    expect(await liveFingerprint(owner)).not.toBe(fingerprint);
    await database.close();
  });

  it("revert one by one, each to exactly the tables that were there before it", async () => {
    const database = await prepareDatabase(own.server, "one_by_one");
    const owner = await database.connect("owner");
    const whole = await copies.make();
    const partial = join(whole.migrations, "..", "first-ones");
    await mkdir(partial);
    const context = { ...database.context, directories: { ...whole, migrations: partial } };
    const fingerprints: string[] = [];
    for (const name of migrationNames) {
      await cp(join(whole.migrations, `${name}.sql`), join(partial, `${name}.sql`));
      // Before there are partitions none can be made.
      if (name < "0003") continue;
      await up(context);
      fingerprints.push(await liveFingerprint(owner));
    }
    expect(new Set(fingerprints).size).toBe(migrationNames.length - 2);
    const names = migrationNames.slice(3).toReversed();
    for (const name of names) {
      expect(await liveFingerprint(owner)).toBe(fingerprints.pop());
      expect((await down(database.context, 1)).changed).toEqual([name]);
    }
    expect(await liveFingerprint(owner)).toBe(fingerprints.pop());
    expect((await up(database.context)).changed).toEqual(names.toReversed());
    await database.close();
  });

  it("change nothing the second time", async () => {
    const database = await prepareDatabase(own.server, "second_time");
    const owner = await database.connect("owner");
    const first = await up(database.context);
    const fingerprint = await liveFingerprint(owner);
    const second = await up(database.context);
    expect(second.changed).toEqual([]);
    expect(second.migrations).toEqual(first.migrations);
    expect(await liveFingerprint(owner)).toBe(fingerprint);
    await database.close();
  });
});
