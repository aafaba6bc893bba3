-- Up Migration
-- Each migration's transaction also records what it left behind, so that a change made by other means is told apart.
ALTER TABLE schema_migration_ledger
  ADD COLUMN fingerprint text CHECK (fingerprint ~ '^[0-9a-f]{64}$');
COMMENT ON COLUMN schema_migration_ledger.fingerprint IS
  'SHA-256 over expected_catalog as this migration left it; null for migrations before there was one.';

CREATE TABLE expected_catalog (
  object text COLLATE "C" PRIMARY KEY CHECK (object ~ '\S'),
  definition text NOT NULL
);
COMMENT ON TABLE expected_catalog IS
  'Every object of this schema as the migrations made it; partitions come and go and are left out.';

DO $$
BEGIN
  EXECUTE format('REVOKE INSERT ON expected_catalog FROM %I', current_database() || '_writer');
END
$$;

-- Down Migration
DROP TABLE expected_catalog;
ALTER TABLE schema_migration_ledger DROP COLUMN fingerprint;
