-- Up Migration
CREATE FUNCTION set_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END
$$;

CREATE TABLE pool_configurations (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL CHECK (name ~ '\S'),
  version integer NOT NULL DEFAULT 2 CHECK (version > 0),
  config jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(config) = 'object'),
  active boolean NOT NULL DEFAULT false,
  created_at timestamptz(6) NOT NULL DEFAULT now(),
  updated_at timestamptz(6) NOT NULL DEFAULT now(),
  CONSTRAINT pool_configurations_name_version UNIQUE (name, version)
);
CREATE UNIQUE INDEX pool_configurations_one_active ON pool_configurations (name) WHERE active;
CREATE TRIGGER set_updated_at BEFORE UPDATE ON pool_configurations
  FOR EACH ROW EXECUTE FUNCTION set_updated_at();
COMMENT ON TABLE pool_configurations IS
  'Configurations of the pools; at most one per pool name is active.';

DO $$
BEGIN
  EXECUTE format('GRANT UPDATE ON pool_configurations TO %I', current_database() || '_writer');
END
$$;

-- Down Migration
DROP TABLE pool_configurations;
DROP FUNCTION set_updated_at();
