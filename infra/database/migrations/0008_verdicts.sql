-- Up Migration
CREATE TABLE attempts (
  version bigint NOT NULL CHECK (version >= 0),
  name text NOT NULL CHECK (name ~ '^[0-9]{8}T[0-9]{6}Z$'),
  since timestamptz(6) NOT NULL,
  why text NOT NULL CHECK (why ~ '\S'),
  build text NOT NULL,
  slow_milliseconds integer CHECK (slow_milliseconds > 0),
  who text NOT NULL CHECK (who ~ '\S'),
  record json NOT NULL CHECK (json_typeof(record) = 'object'),
  created_at timestamptz(6) NOT NULL DEFAULT now(),
  PRIMARY KEY (name, version)
);
COMMENT ON TABLE attempts IS
  'Journal: every version of every attempt, recorded again when its threshold or its engagement changes; rows are never changed.';

-- What is recomputed must come back as it was written, so it is json and not jsonb: that would order keys anew.
CREATE TABLE verdicts (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  writer text NOT NULL CHECK (writer ~ '\S'),
  sequence bigint NOT NULL CHECK (sequence > 0),
  attempt text NOT NULL CHECK (attempt ~ '^[0-9]{8}T[0-9]{6}Z$'),
  evaluated_at timestamptz(6) NOT NULL,
  kind text NOT NULL CHECK (kind IN ('rollback', 'unknown', 'hold', 'pass')),
  severity text NOT NULL CHECK (severity IN ('healthy', 'warning', 'critical')),
  page boolean NOT NULL,
  stage text NOT NULL CHECK (stage ~ '^(baseline|shadow|retired|p([1-9][0-9]?|100))$'),
  percentage smallint NOT NULL CHECK (percentage BETWEEN 0 AND 100),
  reasons jsonb NOT NULL CHECK (jsonb_typeof(reasons) = 'array'),
  evidence_row json NOT NULL CHECK (json_typeof(evidence_row) = 'object'),
  verdict json NOT NULL CHECK (json_typeof(verdict) = 'object'),
  start json CHECK (json_typeof(start) = 'object'),
  cursors json NOT NULL CHECK (json_typeof(cursors) = 'object'),
  sessions bytea NOT NULL CHECK (octet_length(sessions) % 10 = 0),
  created_at timestamptz(6) NOT NULL DEFAULT now(),
  CONSTRAINT verdicts_writer_sequence UNIQUE (writer, sequence)
);
CREATE INDEX verdicts_evaluated_at ON verdicts (evaluated_at DESC, id DESC);
CREATE INDEX verdicts_newest_of_attempt ON verdicts (attempt, evaluated_at DESC, id DESC);
CREATE INDEX verdicts_of_attempt ON verdicts (attempt, id);
CREATE INDEX verdicts_first_of_chain ON verdicts (attempt, evaluated_at DESC, id DESC) WHERE sequence = 1;
COMMENT ON TABLE verdicts IS
  'Journal: every verdict with all that it rests on, one chain per writer; rows are never changed.';
COMMENT ON COLUMN verdicts.evidence_row IS
  'The row that was judged; of its counts only those of percentages at which something changed since the verdict before in the chain.';
COMMENT ON COLUMN verdicts.start IS
  'State, settings and counts from which the chain can be recomputed from here on; null where it cannot be entered.';
COMMENT ON COLUMN verdicts.sessions IS
  'Session events of 10 bytes that were new since the verdict before; with sequence 1 all of the attempt.';

-- Down Migration
DROP TABLE verdicts;
DROP TABLE attempts;
