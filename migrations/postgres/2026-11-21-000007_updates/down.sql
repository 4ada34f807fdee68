CREATE OR REPLACE FUNCTION klines_make_partition(name text, from_time bigint, until_time bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF name !~ '^market_klines_[0-9]{4}_[0-9]{2}$' THEN
        RAISE 'a partition is called market_klines_YYYY_MM, not %', name;
    END IF;
    -- One at a time: a daemon and a backfill may want the same month at the same moment.
    LOCK TABLE market_klines IN SHARE UPDATE EXCLUSIVE MODE;
    IF EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'market_klines'::regclass AND inhrelid = to_regclass(name)) THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE market_klines INCLUDING DEFAULTS) WITH (fillfactor = 80)', name);
    EXECUTE format('CREATE TRIGGER klines_inserted AFTER INSERT ON %I REFERENCING NEW TABLE AS inserted '
        'FOR EACH STATEMENT EXECUTE FUNCTION klines_note_inserted()', name);
    EXECUTE format('ALTER TABLE market_klines ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, from_time, until_time);
END $$;

CREATE OR REPLACE FUNCTION klines_attach_month(loading text, name text, from_time bigint, until_time bigint, writer text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF loading !~ '^market_klines_loading_[ab]$' OR name !~ '^market_klines_[0-9]{4}_[0-9]{2}$' THEN
        RAISE 'market_klines_loading_a or _b becomes market_klines_YYYY_MM, not % %', loading, name;
    END IF;
    -- Partitions are made by one at a time; readers and writers go on.
    LOCK TABLE market_klines IN SHARE UPDATE EXCLUSIVE MODE;
    IF writer <> current_user THEN
        EXECUTE format('REVOKE INSERT ON %I FROM %I', loading, writer);
    END IF;
    EXECUTE format('ALTER TABLE %I RENAME TO %I', loading, name);
    EXECUTE format('ALTER TABLE %I SET (fillfactor = 80)', name);
    EXECUTE format('ALTER INDEX %I RENAME TO %I', loading || '_pkey', name || '_pkey');
    EXECUTE format('CREATE TRIGGER klines_inserted AFTER INSERT ON %I REFERENCING NEW TABLE AS inserted '
        'FOR EACH STATEMENT EXECUTE FUNCTION klines_note_inserted()', name);
    EXECUTE format('ALTER TABLE market_klines ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, from_time, until_time);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT month', name);
END $$;

-- Whoever calls them must not be able to put tables of their own in the way.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION klines_make_partition(text, bigint, bigint) SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION klines_attach_month(text, text, bigint, bigint, text) SET search_path = %I, pg_temp', current_schema());
END $$;

DROP FUNCTION klines_watch_month(text);

DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'market_klines'::regclass LOOP
        EXECUTE format('ALTER TABLE %s SET (fillfactor = 80)', partition);
        EXECUTE format('DROP TRIGGER klines_updated ON %s', partition);
    END LOOP;
END $$;
DROP TRIGGER klines_updated ON market_klines;
DROP FUNCTION klines_note_updated();

CREATE OR REPLACE FUNCTION klines_note_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (OLD.symbol, OLD.interval, OLD.time, OLD.open, OLD.high, OLD.low, OLD.close, OLD.volume)
           IS NOT DISTINCT FROM
           (NEW.symbol, NEW.interval, NEW.time, NEW.open, NEW.high, NEW.low, NEW.close, NEW.volume) THEN
            RETURN NULL;
        END IF;
        INSERT INTO rollup_dirty (symbol, time) SELECT NEW.symbol, NEW.time WHERE NEW.interval = '1m';
    END IF;
    INSERT INTO rollup_dirty (symbol, time) SELECT OLD.symbol, OLD.time WHERE OLD.interval = '1m';
    RETURN NULL;
END $$;

CREATE TRIGGER klines_updated AFTER UPDATE ON market_klines
    FOR EACH ROW WHEN (OLD.interval = '1m' OR NEW.interval = '1m')
    EXECUTE FUNCTION klines_note_changed();

-- A row that an update moves to another month fires the row triggers of a removal, but none of an insertion.
CREATE FUNCTION klines_note_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rollup_dirty (symbol, time)
    SELECT m.symbol, min(m.time)
    FROM (SELECT symbol, time FROM moved_to WHERE interval = '1m'
          EXCEPT SELECT symbol, time FROM moved_from WHERE interval = '1m') m
    GROUP BY m.symbol;
    RETURN NULL;
END $$;

CREATE TRIGGER klines_moved AFTER UPDATE ON market_klines
    REFERENCING OLD TABLE AS moved_from NEW TABLE AS moved_to
    FOR EACH STATEMENT EXECUTE FUNCTION klines_note_moved();
