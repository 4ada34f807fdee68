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
    EXECUTE format('CREATE TABLE %I (LIKE market_klines INCLUDING DEFAULTS)', name);
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

DO $$
DECLARE
    partition regclass;
BEGIN
    FOR partition IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'market_klines'::regclass LOOP
        EXECUTE format('ALTER TABLE %s RESET (fillfactor)', partition);
    END LOOP;
END $$;
