-- Journals can only grow, records of the migrations are the owner's, and every object belongs to the owner's group.
SELECT format('%s may %s on %s', role, privilege, journal) AS problem
FROM unnest(ARRAY['stage_changes', 'brake_events', 'attempts', 'verdicts', 'pool_metrics']) AS journal,
     unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS privilege,
     unnest(ARRAY[current_database() || '_writer', current_database() || '_reader']) AS role
WHERE has_table_privilege(role, to_regclass(journal), privilege)
UNION ALL
SELECT format('%s may %s on %s', role, privilege, record)
FROM unnest(ARRAY['schema_migration_ledger', 'schema_migrations', 'expected_catalog']) AS record,
     unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']) AS privilege,
     unnest(ARRAY[current_database() || '_writer', current_database() || '_reader']) AS role
WHERE has_table_privilege(role, to_regclass(record), privilege)
UNION ALL
SELECT format('%s may not %s on %s', current_database() || '_writer', privilege, journal)
FROM unnest(ARRAY['stage_changes', 'brake_events', 'attempts', 'verdicts', 'pool_metrics']) AS journal,
     unnest(ARRAY['SELECT', 'INSERT']) AS privilege
WHERE NOT has_table_privilege(current_database() || '_writer', to_regclass(journal), privilege)
UNION ALL
SELECT format('%s may not UPDATE on %s', current_database() || '_writer', mutable)
FROM unnest(ARRAY['pool_configurations', 'migration_status']) AS mutable
WHERE NOT has_table_privilege(current_database() || '_writer', to_regclass(mutable), 'UPDATE')
UNION ALL
SELECT format('%s belongs to %s instead of %s', oid::regclass, relowner::regrole, current_database() || '_owner')
FROM pg_class
WHERE relnamespace = current_schema()::regnamespace
  AND relkind IN ('r', 'p', 'S', 'v')
  AND relowner::regrole::text <> quote_ident(current_database() || '_owner');
