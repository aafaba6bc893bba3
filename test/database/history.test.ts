import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { down, up } from "../../scripts/agents/migrate/commands.ts";
import { prepareDatabase } from "./migrated-database.ts";
import { useOwnServer } from "./own-server.ts";
import { appliedNames, migrationNames, migrationText } from "./sql-files.ts";

const own = useOwnServer();
const { copies } = own;

describe("an applied file", () => {
  it.each([
    [
      "edited",
      async (directory: string) => {
        const file = join(directory, "0005_stage_changes.sql");
        await writeFile(file, (await readFile(file, "utf8")).replace("why text", "reason text"));
      },
      "0005_stage_changes.sql was edited after it was applied",
    ],
    [
      "removed",
      (directory: string) => rm(join(directory, "0005_stage_changes.sql")),
      "0005_stage_changes.sql was applied at",
    ],
    [
      "preceded by a new one",
      (directory: string) =>
        writeFile(join(directory, "0003_late.sql"), migrationText("SELECT 1", "SELECT 1")),
      "0003_late.sql is new and comes before 0003_pool_metrics",
    ],
  ])("that was %s is refused, and nothing changes", async (what, change, message) => {
    const database = await prepareDatabase(own.server, `history_${what.replace(/ .*/, "")}`);
    const copy = await copies.make();
    const context = { ...database.context, directories: copy };
    await up(context);
    await change(copy.migrations);
    await writeFile(
      join(copy.migrations, "9008_next.sql"),
      migrationText("CREATE TABLE next ()", "DROP TABLE next"),
    );
    const refusal = {
      exitCode: 2,
      message: expect.stringMatching(
        new RegExp(`^nothing was changed: .*${message}.*Restore applied files`),
      ) as string,
    };
    await expect(up(context)).rejects.toMatchObject(refusal);
    await expect(down(context, 1)).rejects.toMatchObject(refusal);
    expect((await appliedNames(database.context)).length).toBe(migrationNames.length);
    await database.close();
  });
});

describe("files that are no migrations", () => {
  it("are refused before the database is asked", async () => {
    const copy = await copies.make();
    await writeFile(join(copy.migrations, "7-Wrong.sql"), migrationText("SELECT 1", "SELECT 1"));
    await writeFile(join(copy.migrations, "6009_one_way.sql"), "CREATE TABLE one_way ();\n");
    const context = {
      ...(await prepareDatabase(own.server, "no_migrations")).context,
      directories: copy,
    };
    await expect(async () => up(context)).rejects.toMatchObject({
      exitCode: 2,
      message:
        '6009_one_way.sql needs a line "-- Up Migration" with SQL below it, then a line ' +
        '"-- Down Migration" with SQL below it; 7-Wrong.sql is not named <4 digits>_<lower-case words>.sql',
    });
  });
});
