import { createHash } from "node:crypto";
import type pg from "pg";

/**
 * Digest of everything that defines the tables of the current schema: columns, indexes, constraints, functions,
 * triggers, privileges. Partitions are left out, as they come and go with the months.
 */
export async function catalogFingerprint(client: pg.Client): Promise<string> {
  const lines: string[] = [];
  for (const query of queries) {
    const { rows } = await client.query<{ line: string }>(query);
    lines.push(...rows.map(({ line }) => line).sort());
  }
  return createHash("sha256").update(lines.join("\n")).digest("hex");
}

const schema = "'pool_migration'::regnamespace";
const tables = `SELECT oid, relname, relacl, relowner, relkind FROM pg_class
  WHERE relnamespace = ${schema} AND NOT relispartition AND relkind IN ('r', 'p', 'S')`;

const queries = [
  `SELECT format('table %s %s %s %s', relname, relkind, relowner::regrole, relacl) AS line FROM (${tables}) t`,
  `SELECT format('column %s.%s %s %s %s %s', relname, attname, format_type(atttypid, atttypmod), attnotnull,
          attidentity, pg_get_expr(adbin, adrelid)) AS line
   FROM (${tables}) t JOIN pg_attribute ON attrelid = t.oid AND attnum > 0 AND NOT attisdropped
   LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum`,
  `SELECT format('index %s', pg_get_indexdef(indexrelid)) AS line
   FROM (${tables}) t JOIN pg_index ON indrelid = t.oid`,
  `SELECT format('constraint %s %s', conname, pg_get_constraintdef(pg_constraint.oid)) AS line
   FROM (${tables}) t JOIN pg_constraint ON conrelid = t.oid`,
  `SELECT format('trigger %s', pg_get_triggerdef(pg_trigger.oid)) AS line
   FROM (${tables}) t JOIN pg_trigger ON tgrelid = t.oid AND NOT tgisinternal`,
  `SELECT format('function %s %s %s', pg_get_functiondef(oid), proowner::regrole, proacl) AS line
   FROM pg_proc WHERE pronamespace = ${schema}`,
];
