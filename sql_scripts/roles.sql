-- Three roles with no more rights than klined's programs need, for psql on PostgreSQL 13 or newer:
--
--     psql -v ON_ERROR_STOP=1 -d happystock -f sql_scripts/roles.sql
--
-- Run it as a superuser, or as the owner of klined's tables with CREATEROLE; after the tables were made, and again after every
-- upgrade. It may be run any number of times. The roles cannot log in; grant them to users that can:
--
--     CREATE USER generator PASSWORD '…' IN ROLE klined_writer;                       -- market-generator
--     CREATE USER aggregator PASSWORD '…' IN ROLE klined_aggregator;                  -- data-aggregator
--     CREATE USER market PASSWORD '…' IN ROLE klined_writer, klined_aggregator;       -- klined up, market-backfill
--     CREATE USER reader PASSWORD '…' IN ROLE klined_reader;                          -- klined verify, charts, monitoring.sql
--
-- Nobody but the owner migrates, empties the market (market-backfill --clear) or edits stock_metadata.
--
-- The month partitions are reached through market_klines, whose rights are the ones that count, so those made later need none
-- of their own. To attach and drop partitions one must own market_klines; the writer does not: it may call the functions
-- that do it as the owner.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
BEGIN;

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY['klined_writer', 'klined_aggregator', 'klined_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;  -- made by somebody else at this moment
            END;
        END IF;
    END LOOP;
END $$;

-- Before PostgreSQL 15 everybody could make tables in the schema public. The owner of the tables keeps that right.
DO $$
DECLARE
    owner regrole := (SELECT relowner FROM pg_class WHERE oid = 'market_klines'::regclass);
BEGIN
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO %s', current_schema(), owner);
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema());
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO klined_writer, klined_aggregator, klined_reader', current_schema());
    -- The reader sees klined's tables, whatever else is in the schema. Earlier editions of this script gave it all tables.
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %s IN SCHEMA %I REVOKE SELECT ON TABLES FROM klined_reader',
        owner, current_schema());
    EXECUTE format('REVOKE SELECT ON ALL TABLES IN SCHEMA %I FROM klined_reader', current_schema());
END $$;

-- What each program reads.
GRANT SELECT ON __diesel_schema_migrations, market_klines, stock_metadata, stock_state, stock_realtime_price, market_status,
    market_clock, market_identity, role_epoch, model_checkpoint, stock_listing, stock_halt, market_scenario, scenario_event,
    rollup_watermark, rollup_dirty, stock_parameters
    TO klined_writer, klined_aggregator, klined_reader;

-- Months can be read one by one too, as pg_dump does. Those made later get this right as they are made.
DO $$
DECLARE
    month regclass;
BEGIN
    FOR month IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'market_klines'::regclass LOOP
        EXECUTE format('GRANT SELECT ON %s TO klined_reader', month);
    END LOOP;
END $$;

-- The lease of a role; changed bars are noted by triggers in the name of whoever changes them.
GRANT INSERT, UPDATE ON role_epoch TO klined_writer, klined_aggregator;
GRANT INSERT ON rollup_dirty TO klined_writer, klined_aggregator;

-- Each role counts its own holders. With the rows of another it could shut that role's daemon out.
ALTER TABLE role_epoch ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS klined_readable ON role_epoch;
CREATE POLICY klined_readable ON role_epoch FOR SELECT USING (true);
DROP POLICY IF EXISTS klined_writer_counts ON role_epoch;
CREATE POLICY klined_writer_counts ON role_epoch TO klined_writer
    USING (role = 'writer' OR role LIKE 'writer %') WITH CHECK (role = 'writer' OR role LIKE 'writer %');
DROP POLICY IF EXISTS klined_aggregator_counts ON role_epoch;
CREATE POLICY klined_aggregator_counts ON role_epoch TO klined_aggregator
    USING (role = 'aggregator' OR role LIKE 'aggregator %') WITH CHECK (role = 'aggregator' OR role LIKE 'aggregator %');

GRANT INSERT, UPDATE ON market_klines, stock_state, stock_realtime_price, market_status, market_clock, model_checkpoint,
    stock_listing, stock_halt, stock_parameters TO klined_writer;
GRANT INSERT ON stock_metadata, market_identity, market_scenario, scenario_event, rollup_watermark TO klined_writer;
GRANT UPDATE (retained_from) ON market_identity TO klined_writer;
GRANT EXECUTE ON FUNCTION klines_make_partition(text, bigint, bigint), klines_drop_partition(), klines_remove_days(text), klines_clear_month(text),
    klines_begin_month(text, bigint, bigint, text), klines_end_month(text),
    klines_attach_month(text, text, bigint, bigint, text) TO klined_writer;

GRANT INSERT, UPDATE, DELETE ON market_klines TO klined_aggregator;
-- It makes a row that is missing again.
GRANT INSERT, UPDATE (folded_to) ON rollup_watermark TO klined_aggregator;
GRANT UPDATE, DELETE ON rollup_dirty TO klined_aggregator;

-- The aggregator's own rows are those of the longer intervals. Row-level security could say so too, but with it PostgreSQL refuses
-- COPY, by which bars are written in bulk. A trigger for each statement looks at the rows written only when the aggregator
-- writes.
CREATE OR REPLACE FUNCTION klines_refuse_minutes() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_has_role('klined_aggregator', 'USAGE') AND NOT pg_has_role('klined_writer', 'USAGE') THEN
        IF EXISTS (SELECT FROM touched WHERE interval = '1m') THEN
            RAISE insufficient_privilege
                USING MESSAGE = format('permission denied for 1-minute bars: %s is an aggregator', current_user);
        END IF;
    END IF;
    RETURN NULL;
END $$;

DROP TRIGGER IF EXISTS klines_refuse_inserted ON market_klines;
CREATE TRIGGER klines_refuse_inserted AFTER INSERT ON market_klines
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION klines_refuse_minutes();
DROP TRIGGER IF EXISTS klines_refuse_updated_from ON market_klines;
CREATE TRIGGER klines_refuse_updated_from AFTER UPDATE ON market_klines
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION klines_refuse_minutes();
DROP TRIGGER IF EXISTS klines_refuse_updated_to ON market_klines;
CREATE TRIGGER klines_refuse_updated_to AFTER UPDATE ON market_klines
    REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION klines_refuse_minutes();
DROP TRIGGER IF EXISTS klines_refuse_deleted ON market_klines;
CREATE TRIGGER klines_refuse_deleted AFTER DELETE ON market_klines
    REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION klines_refuse_minutes();

COMMIT;
