import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { status, up } from "../../scripts/agents/migrate/commands.ts";
import { isInOrder } from "../../scripts/agents/migrate/description.ts";
import { prepareDatabase } from "./migrated-database.ts";
import { migrationNames, migrationText, SqlFileCopies } from "./sql-files.ts";
import { startSmallDiskPostgres, whyNoSmallDisk } from "./small-disk.ts";
import type { SmallDiskPostgres } from "./small-disk.ts";

const obstacle = whyNoSmallDisk();

describe.skipIf(obstacle !== undefined)(`a full disk${obstacle ? ` (${obstacle})` : ""}`, () => {
  let server: SmallDiskPostgres;
  const copies = new SqlFileCopies();

  beforeAll(async () => {
    server = await startSmallDiskPostgres();
  });
  afterAll(async () => {
    await server.stop();
    await copies.remove();
  });

  it("stops the run at the file that needs the room, loses nothing, and is no hindrance afterwards", async () => {
    const database = await prepareDatabase(server, "small_disk");
    const directories = await copies.make();
    const context = { ...database.context, directories };
    await up(context);
    const writer = await database.connect("writer");
    await writer.query("INSERT INTO migration_status (phase, status) VALUES ('before', 'pending')");
    await writeFile(
      join(directories.migrations, "9008_small.sql"),
      migrationText("CREATE TABLE small ()", "DROP TABLE small"),
    );
    // 16 MB.
    await writeFile(
      join(directories.migrations, "9009_large.sql"),
      migrationText(
        "CREATE TABLE large AS SELECT repeat(md5(n::text), 50) FROM generate_series(1, 10000) AS n",
        "DROP TABLE large",
      ),
    );

    server.fill(5);
    await expect(up(context)).rejects.toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(
        /^9009_large.sql \(up\) failed and was rolled back: could not (extend|write to) .*No space left on device \(SQLSTATE 53100\); give the server what it lacks and run again$/,
      ) as string,
    });
    const meanwhile = await status(context);
    expect(meanwhile.migrations.map(({ state }) => state)).toEqual([
      ...migrationNames.map(() => "applied"),
      "applied",
      "pending",
    ]);
    expect(meanwhile.catalog?.differences).toEqual([]);
    await writer.query("INSERT INTO migration_status (phase, status) VALUES ('during', 'pending')");

    server.makeRoom();
    expect((await up(context)).changed).toEqual(["9009_large"]);
    expect(isInOrder(await status(context))).toBe(true);
    const { rows } = await writer.query("SELECT phase FROM migration_status ORDER BY id");
    expect(rows).toEqual([{ phase: "before" }, { phase: "during" }]);
    await database.close();
  });
});
