-- The functions as they were before. A writer can become the owner through them: see the way up.

CREATE OR REPLACE FUNCTION klines_watch_month(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER klines_inserted AFTER INSERT ON %I REFERENCING NEW TABLE AS inserted '
        'FOR EACH STATEMENT EXECUTE FUNCTION klines_note_inserted()', name);
    EXECUTE format('CREATE TRIGGER klines_updated AFTER UPDATE ON %I '
        'REFERENCING OLD TABLE AS updated_from NEW TABLE AS updated_to '
        'FOR EACH STATEMENT EXECUTE FUNCTION klines_note_updated()', name);
END $$;

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

CREATE OR REPLACE FUNCTION klines_drop_partition() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    oldest text;
BEGIN
    SELECT p.oid::regclass::text INTO oldest
    FROM pg_inherits i
    JOIN pg_class p ON p.oid = i.inhrelid
    CROSS JOIN LATERAL (
        SELECT substring(pg_get_expr(p.relpartbound, p.oid) FROM 'TO \(''(-?[0-9]+)''\)')::bigint AS until_time
    ) b
    WHERE i.inhparent = 'market_klines'::regclass
      AND b.until_time <= (SELECT retained_from FROM market_identity)
    ORDER BY b.until_time
    LIMIT 1;
    IF oldest IS NOT NULL THEN
        EXECUTE format('ALTER TABLE market_klines DETACH PARTITION %s', oldest);
        EXECUTE format('DROP TABLE %s', oldest);
    END IF;
    RETURN oldest;
END $$;

CREATE OR REPLACE FUNCTION klines_clear_month(name text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    is_filled boolean;
BEGIN
    IF name !~ '^market_klines_[0-9]{4}_[0-9]{2}$' THEN
        RAISE 'a partition is called market_klines_YYYY_MM, not %', name;
    END IF;
    IF to_regclass(name) IS NULL THEN
        RETURN true;
    END IF;
    -- Asked twice: without a lock, which only an empty partition is worth, and then for certain.
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO is_filled;
    IF NOT is_filled
       AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = 'market_klines'::regclass AND inhrelid = to_regclass(name)) THEN
        LOCK TABLE market_klines IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', name) INTO is_filled;
        IF NOT is_filled THEN
            EXECUTE format('DROP TABLE %I', name);
            RETURN true;
        END IF;
    END IF;
    RETURN false;
END $$;

CREATE OR REPLACE FUNCTION klines_begin_month(loading text, from_time bigint, until_time bigint, writer text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF loading !~ '^market_klines_loading_[ab]$' THEN
        RAISE 'a month is loaded into market_klines_loading_a or _b, not %', loading;
    END IF;
    IF NOT pg_has_role(session_user, writer, 'MEMBER') THEN
        RAISE insufficient_privilege USING MESSAGE = format('%s is not %s', session_user, writer);
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE market_klines INCLUDING DEFAULTS)', loading);
    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT month CHECK (time >= %L AND time < %L)', loading, from_time, until_time);
    IF writer <> current_user THEN
        EXECUTE format('GRANT INSERT ON %I TO %I', loading, writer);
    END IF;
END $$;

CREATE OR REPLACE FUNCTION klines_end_month(loading text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF loading !~ '^market_klines_loading_[ab]$' THEN
        RAISE 'a month is loaded into market_klines_loading_a or _b, not %', loading;
    END IF;
    EXECUTE format('ALTER TABLE %I ADD %s', loading, (
        SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'market_klines'::regclass AND contype = 'p'));
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

DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY['klines_make_partition(text, bigint, bigint)', 'klines_drop_partition()',
        'klines_clear_month(text)', 'klines_begin_month(text, bigint, bigint, text)', 'klines_end_month(text)',
        'klines_attach_month(text, text, bigint, bigint, text)'] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', signature, current_schema());
    END LOOP;
END $$;

ALTER FUNCTION klines_watch_month(text) RESET search_path;
ALTER FUNCTION klines_note_inserted() RESET search_path;
ALTER FUNCTION klines_note_updated() RESET search_path;
ALTER FUNCTION klines_note_changed() RESET search_path;
DROP FUNCTION klines_is_partition(regclass);
DROP FUNCTION klines_table(text);
