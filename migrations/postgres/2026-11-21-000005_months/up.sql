-- Whole months of bars, loaded into a table of their own that is attached when it is complete. As in klines_make_partition the
-- functions run as the owner, so that whoever writes bars need not be the owner. Beginning and attaching belong into one
-- transaction: before its end nobody sees the table, and without its end nothing is left of it.

-- Makes sure that a month has no partition, by dropping one that is empty; whether it has none. Drops nothing that holds rows.
CREATE FUNCTION klines_clear_month(name text) RETURNS boolean
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
COMMENT ON FUNCTION klines_clear_month IS 'Drops a month''s partition of market_klines when it is empty; whether the month has none now';

-- The table's bounds are checked row by row while it is filled, so that attaching need not read it again. Two months may be under
-- way at once, each in a table of its own.
CREATE FUNCTION klines_begin_month(loading text, from_time bigint, until_time bigint, writer text) RETURNS void
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
COMMENT ON FUNCTION klines_begin_month IS 'Makes the table that a month''s bars are loaded into';

-- The key is built when all rows are there, as market_klines says it.
CREATE FUNCTION klines_end_month(loading text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF loading !~ '^market_klines_loading_[ab]$' THEN
        RAISE 'a month is loaded into market_klines_loading_a or _b, not %', loading;
    END IF;
    EXECUTE format('ALTER TABLE %I ADD %s', loading, (
        SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'market_klines'::regclass AND contype = 'p'));
END $$;
COMMENT ON FUNCTION klines_end_month IS 'Builds the key of the table that a month''s bars were loaded into';

-- The trigger comes last, because whoever loads a month notes by itself what the trigger would.
CREATE FUNCTION klines_attach_month(loading text, name text, from_time bigint, until_time bigint, writer text) RETURNS void
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
COMMENT ON FUNCTION klines_attach_month IS 'Makes the table that a month''s bars were loaded into the month''s partition of market_klines';

REVOKE EXECUTE ON FUNCTION klines_clear_month(text), klines_begin_month(text, bigint, bigint, text), klines_end_month(text),
    klines_attach_month(text, text, bigint, bigint, text) FROM PUBLIC;

-- Whoever calls them must not be able to put tables of their own in the way.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION klines_clear_month(text) SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION klines_begin_month(text, bigint, bigint, text) SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION klines_end_month(text) SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION klines_attach_month(text, text, bigint, bigint, text) SET search_path = %I, pg_temp', current_schema());
END $$;
