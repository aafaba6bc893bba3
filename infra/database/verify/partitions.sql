-- Samples of this month and the next two have somewhere to go, and no default partition hides a missing one.
SELECT format('pool_metrics has no partition for %s', to_char(month, 'YYYY-MM')) AS problem
FROM generate_series(0, 2) AS ahead,
     LATERAL (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => ahead)) AS months (month)
WHERE NOT EXISTS (
  SELECT FROM pg_inherits
  WHERE inhparent = to_regclass('pool_metrics')
    AND inhrelid = to_regclass(to_char(month, '"pool_metrics_"YYYY_MM'))
)
UNION ALL
SELECT format('pool_metrics has the default partition %s', partdefid::regclass)
FROM pg_partitioned_table
WHERE partrelid = to_regclass('pool_metrics') AND partdefid <> 0;
