import type pg from "pg";
import type { SqlFile } from "../../../infra/database/migrations.ts";

/**
 * Runs the verify queries, which only read.
 *
 * @returns everything that is wrong with the tables, one sentence each
 */
export async function findProblems(
  client: pg.Client,
  queries: readonly SqlFile[],
): Promise<string[]> {
  const problems: string[] = [];
  await client.query("BEGIN READ ONLY");
  try {
    for (const { name, sql } of queries) {
      const { rows } = await client.query<{ problem: string }>(sql);
      problems.push(...rows.map(({ problem }) => `${name}: ${problem}`));
    }
  } finally {
    await client.query("ROLLBACK");
  }
  return problems;
}
