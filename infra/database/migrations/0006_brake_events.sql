-- Up Migration
CREATE TABLE brake_events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  happened_at timestamptz(6) NOT NULL,
  action text NOT NULL CHECK (action IN ('engaged', 'released')),
  engagement_id text NOT NULL CHECK (engagement_id ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$'),
  who text NOT NULL CHECK (who ~ '\S'),
  why text NOT NULL CHECK (why ~ '\S'),
  source text NOT NULL CHECK (source ~ '\S'),
  details jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(details) = 'object'),
  created_at timestamptz(6) NOT NULL DEFAULT now()
);
-- An engagement begins once and ends once, so recording it again has no effect. The two ids that stand for "without
-- an id" come back.
CREATE UNIQUE INDEX brake_events_once ON brake_events (engagement_id, action)
  WHERE engagement_id NOT IN ('anonymous', 'absent');
CREATE INDEX brake_events_happened_at ON brake_events (happened_at DESC);
COMMENT ON TABLE brake_events IS
  'Journal: every engagement and release of the brake; rows are never changed.';

-- Down Migration
DROP TABLE brake_events;
