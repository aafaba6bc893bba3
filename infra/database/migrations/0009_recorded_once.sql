-- Up Migration
-- Guards record what is in force again when they take over: once is enough.
CREATE UNIQUE INDEX stage_changes_guard_once ON stage_changes (revision) WHERE source = 'guard';
CREATE UNIQUE INDEX migration_status_rollback_once ON migration_status ((metadata ->> 'engagement'))
  WHERE phase = 'rollback';

-- Down Migration
DROP INDEX migration_status_rollback_once;
DROP INDEX stage_changes_guard_once;
