-- Up Migration
CREATE TABLE stage_changes (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  changed_at timestamptz(6) NOT NULL,
  revision text NOT NULL CHECK (revision ~ '^r[0-9]+\.[0-9]+$'),
  from_stage text CHECK (from_stage ~ '^(baseline|shadow|retired|p([1-9][0-9]?|100))$'),
  to_stage text NOT NULL CHECK (to_stage ~ '^(baseline|shadow|retired|p([1-9][0-9]?|100))$'),
  from_percentage smallint CHECK (from_percentage BETWEEN 0 AND 100),
  to_percentage smallint NOT NULL CHECK (to_percentage BETWEEN 0 AND 100),
  who text NOT NULL CHECK (who ~ '\S'),
  why text NOT NULL CHECK (why ~ '\S'),
  source text NOT NULL CHECK (source ~ '\S'),
  details jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(details) = 'object'),
  created_at timestamptz(6) NOT NULL DEFAULT now(),
  CONSTRAINT stage_changes_origin
    CHECK ((from_stage IS NULL) = (from_percentage IS NULL))
);
CREATE INDEX stage_changes_changed_at ON stage_changes (changed_at DESC);
COMMENT ON TABLE stage_changes IS
  'Journal: every change of the declared stage or percentage that was seen; rows are never changed.';

-- Down Migration
DROP TABLE stage_changes;
