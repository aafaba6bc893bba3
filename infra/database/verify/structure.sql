-- Tables, and the indexes that carry rules: an index that was dropped or is invalid enforces nothing.
SELECT format('the table %s does not exist', expected) AS problem
FROM unnest(ARRAY[
  'schema_migration_ledger', 'pool_configurations', 'pool_metrics',
  'migration_status', 'stage_changes', 'brake_events', 'expected_catalog', 'attempts', 'verdicts'
]) AS expected
WHERE to_regclass(expected) IS NULL
UNION ALL
SELECT format('the unique index %s does not exist or is not valid', expected)
FROM unnest(ARRAY[
  'pool_configurations_name_version', 'pool_configurations_one_active', 'pool_metrics_pkey',
  'migration_status_one_running', 'brake_events_once',
  'attempts_pkey', 'verdicts_writer_sequence', 'stage_changes_guard_once', 'migration_status_rollback_once'
]) AS expected
WHERE NOT EXISTS (
  SELECT FROM pg_index
  WHERE indexrelid = to_regclass(expected) AND indisunique AND indisvalid
)
UNION ALL
SELECT format('the constraint %s of %s is not validated', conname, conrelid::regclass)
FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND NOT convalidated;
