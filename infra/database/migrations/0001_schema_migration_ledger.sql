-- Up Migration
CREATE TABLE schema_migration_ledger (
  name text PRIMARY KEY CHECK (name ~ '^[0-9]{4}_[a-z0-9_]+$'),
  sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  applied_at timestamptz(6) NOT NULL DEFAULT now(),
  duration_ms integer NOT NULL CHECK (duration_ms >= 0),
  applied_by text NOT NULL CHECK (applied_by <> '')
);
COMMENT ON TABLE schema_migration_ledger IS
  'Which SQL files were applied, with the checksum they had; one row per file, written in its transaction.';

-- Only the owner records migrations, although the writer may add rows to a table by default.
DO $$
BEGIN
  EXECUTE format('REVOKE INSERT ON schema_migration_ledger, schema_migrations FROM %I',
                 current_database() || '_writer');
END
$$;

-- Down Migration
DROP TABLE schema_migration_ledger;
