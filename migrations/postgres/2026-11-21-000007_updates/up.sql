-- Changed bars are noted once a statement instead of once a row: the last bars of the longer intervals are overwritten by ten
-- thousands, and a trigger for each row fetches each row's former version to find that it is no 1-minute bar. Pages get more room,
-- so that more of them are overwritten beside their old row.

CREATE FUNCTION klines_note_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A bar that is the same before and after stands there twice. One that an update moves to another month fires the row triggers of
    -- a removal, but none of an insertion.
    INSERT INTO rollup_dirty (symbol, time)
    SELECT c.symbol, min(c.time)
    FROM (SELECT b.symbol, b.time
          FROM (SELECT * FROM updated_from UNION ALL SELECT * FROM updated_to) b
          WHERE b.interval = '1m'
          GROUP BY b.symbol, b.time, b.open, b.high, b.low, b.close, b.volume
          HAVING count(*) = 1) c
    GROUP BY c.symbol;
    RETURN NULL;
END $$;

DROP TRIGGER klines_updated ON market_klines;
DROP TRIGGER klines_moved ON market_klines;
DROP FUNCTION klines_note_moved();
CREATE TRIGGER klines_updated AFTER UPDATE ON market_klines
    REFERENCING OLD TABLE AS updated_from NEW TABLE AS updated_to
    FOR EACH STATEMENT EXECUTE FUNCTION klines_note_updated();

CREATE OR REPLACE FUNCTION klines_note_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rollup_dirty (symbol, time) VALUES (OLD.symbol, OLD.time);
    RETURN NULL;
END $$;

-- The triggers of a statement that names a partition instead of market_klines.
CREATE FUNCTION klines_watch_month(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER klines_inserted AFTER INSERT ON %I REFERENCING NEW TABLE AS inserted '
        'FOR EACH STATEMENT EXECUTE FUNCTION klines_note_inserted()', name);
    EXECUTE format('CREATE TRIGGER klines_updated AFTER UPDATE ON %I '
        'REFERENCING OLD TABLE AS updated_from NEW TABLE AS updated_to '
        'FOR EACH STATEMENT EXECUTE FUNCTION klines_note_updated()', name);
END $$;
COMMENT ON FUNCTION klines_watch_month IS 'Has bars noted that are inserted into a month''s partition directly, or changed there';
REVOKE EXECUTE ON FUNCTION klines_watch_month(text) FROM PUBLIC;

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
    EXECUTE format('CREATE TABLE %I (LIKE market_klines INCLUDING DEFAULTS) WITH (fillfactor = 65)', name);
    PERFORM klines_watch_month(name);
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
    EXECUTE format('ALTER TABLE %I SET (fillfactor = 65)', name);
    EXECUTE format('ALTER INDEX %I RENAME TO %I', loading || '_pkey', name || '_pkey');
    PERFORM klines_watch_month(name);
    EXECUTE format('ALTER TABLE market_klines ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, from_time, until_time);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT month', name);
END $$;

-- Whoever calls them must not be able to put tables of their own in the way.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION klines_make_partition(text, bigint, bigint) SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION klines_attach_month(text, text, bigint, bigint, text) SET search_path = %I, pg_temp', current_schema());
END $$;

DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'market_klines'::regclass LOOP
        EXECUTE format('ALTER TABLE %s SET (fillfactor = 65)', partition);
        EXECUTE format('DROP TRIGGER klines_inserted ON %s', partition);
        PERFORM klines_watch_month((SELECT relname FROM pg_class WHERE oid = partition));
    END LOOP;
END $$;
