-- Up Migration
-- The key is natural: a pool has one sample at an instant, so a sample that is sent twice is stored once.
CREATE TABLE pool_metrics (
  pool_name text NOT NULL CHECK (pool_name ~ '\S'),
  recorded_at timestamptz(6) NOT NULL,
  metrics jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metrics) = 'object'),
  created_at timestamptz(6) NOT NULL DEFAULT now(),
  PRIMARY KEY (pool_name, recorded_at)
) PARTITION BY RANGE (recorded_at);
CREATE INDEX pool_metrics_recorded_at ON pool_metrics USING brin (recorded_at);
COMMENT ON TABLE pool_metrics IS
  'Samples of the pools, partitioned by month (UTC). There is no default partition: with one, old partitions could not be detached concurrently.';

-- Attached rather than created as a partition: that needs no lock that waits for readers or writers
-- (https://www.postgresql.org/docs/current/ddl-partitioning.html).
CREATE FUNCTION ensure_partitions(months_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pool_migration, pg_temp AS $$
DECLARE
  this_month timestamp := date_trunc('month', now() AT TIME ZONE 'UTC');
  month timestamp;
  partition text;
  created integer := 0;
BEGIN
  IF months_ahead IS NULL OR months_ahead NOT BETWEEN 0 AND 120 THEN
    RAISE EXCEPTION 'ensure_partitions: months_ahead is %, use 0 to 120', months_ahead
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock('pool_metrics'::regclass::oid::bigint);
  FOR ahead IN 0..months_ahead LOOP
    month := this_month + make_interval(months => ahead);
    partition := to_char(month, '"pool_metrics_"YYYY_MM');
    CONTINUE WHEN to_regclass(partition) IS NOT NULL;
    EXECUTE format('CREATE TABLE %I (LIKE pool_metrics INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', partition);
    EXECUTE format('ALTER TABLE pool_metrics ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                   partition, month AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC');
    created := created + 1;
  END LOOP;
  RETURN created;
END
$$;
COMMENT ON FUNCTION ensure_partitions(integer) IS
  'Makes the partitions of this month and of the given number of months after it; returns how many were missing.';

REVOKE EXECUTE ON FUNCTION ensure_partitions(integer) FROM PUBLIC;
DO $$
BEGIN
  EXECUTE format('GRANT EXECUTE ON FUNCTION ensure_partitions(integer) TO %I',
                 current_database() || '_writer');
END
$$;

SELECT ensure_partitions(3);

-- Down Migration
DROP FUNCTION ensure_partitions(integer);
DROP TABLE pool_metrics;
