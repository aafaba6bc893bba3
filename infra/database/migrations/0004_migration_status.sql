-- Up Migration
CREATE TABLE migration_status (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  phase text NOT NULL CHECK (phase ~ '\S'),
  status text NOT NULL
    CHECK (status IN ('pending', 'running', 'completed', 'failed', 'rolled_back')),
  started_at timestamptz(6),
  completed_at timestamptz(6),
  metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
  created_at timestamptz(6) NOT NULL DEFAULT now(),
  updated_at timestamptz(6) NOT NULL DEFAULT now(),
  CONSTRAINT migration_status_started
    CHECK (status = 'pending' OR started_at IS NOT NULL),
  CONSTRAINT migration_status_completed
    CHECK ((completed_at IS NOT NULL) = (status IN ('completed', 'failed', 'rolled_back'))),
  CONSTRAINT migration_status_order
    CHECK (completed_at >= started_at)
);
CREATE UNIQUE INDEX migration_status_one_running ON migration_status ((true)) WHERE status = 'running';
CREATE INDEX migration_status_lookup ON migration_status (status, phase, started_at DESC);
CREATE TRIGGER set_updated_at BEFORE UPDATE ON migration_status
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();
COMMENT ON TABLE migration_status IS
  'Phases of the migration; at most one is running.';

DO $$
BEGIN
  EXECUTE format('GRANT UPDATE ON migration_status TO %I', current_database() || '_writer');
END
$$;

-- Down Migration
DROP TABLE migration_status;
