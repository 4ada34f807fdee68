-- Functions that run as the owner reach nothing that their caller can put in the way. Each name in them is qualified by the schema of
-- market_klines, the search path holds the system's catalogue only, and a table is used only when it is an ordinary, permanent
-- table of the owner's. A caller can make objects in pg_temp, which a path without it searches first.
--
-- Triggers find their tables whatever the search path of the session is: pg_restore and qualified statements use an empty one.

DO $migration$
DECLARE
    place text := quote_ident(current_schema());
    definition text;
BEGIN
    FOREACH definition IN ARRAY ARRAY[

$function$
CREATE OR REPLACE FUNCTION @.klines_table(name text) RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
BEGIN
    SELECT c.oid, c.relkind, c.relpersistence, c.relowner INTO found
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = name AND quote_ident(n.nspname) = '@';
    IF found.oid IS NULL THEN
        RETURN NULL;
    END IF;
    IF found.relkind <> 'r' OR found.relpersistence <> 'p'
       OR found.relowner <> (SELECT relowner FROM pg_class WHERE oid = '@.market_klines'::regclass) THEN
        RAISE insufficient_privilege
            USING MESSAGE = format('@.%I is not a permanent table of the owner of market_klines', name);
    END IF;
    RETURN found.oid::regclass;
END $$
$function$,

$function$
CREATE OR REPLACE FUNCTION @.klines_is_partition(partition regclass) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_inherits WHERE inhparent = '@.market_klines'::regclass AND inhrelid = partition)
$$
$function$,

$function$
CREATE OR REPLACE FUNCTION @.klines_watch_month(name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER klines_inserted AFTER INSERT ON @.%I REFERENCING NEW TABLE AS inserted '
        'FOR EACH STATEMENT EXECUTE FUNCTION @.klines_note_inserted()', name);
    EXECUTE format('CREATE TRIGGER klines_updated AFTER UPDATE ON @.%I '
        'REFERENCING OLD TABLE AS updated_from NEW TABLE AS updated_to '
        'FOR EACH STATEMENT EXECUTE FUNCTION @.klines_note_updated()', name);
    -- The role of sql_scripts/roles.sql reads months one by one too, as pg_dump does.
    IF has_table_privilege(to_regrole('klined_reader')::oid, '@.market_klines', 'SELECT') THEN
        EXECUTE format('GRANT SELECT ON @.%I TO klined_reader', name);
    END IF;
END $$
$function$,

$function$
CREATE OR REPLACE FUNCTION @.klines_make_partition(name text, from_time bigint, until_time bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF name !~ '^market_klines_[0-9]{4}_[0-9]{2}$' THEN
        RAISE 'a partition is called market_klines_YYYY_MM, not %', name;
    END IF;
    -- One at a time: a daemon and a backfill may want the same month at the same moment.
    LOCK TABLE @.market_klines IN SHARE UPDATE EXCLUSIVE MODE;
    IF @.klines_is_partition(@.klines_table(name)) THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE @.%I (LIKE @.market_klines INCLUDING DEFAULTS) WITH (fillfactor = 65)', name);
    PERFORM @.klines_watch_month(name);
    EXECUTE format('ALTER TABLE @.market_klines ATTACH PARTITION @.%I FOR VALUES FROM (%L) TO (%L)', name, from_time, until_time);
END $$
$function$,

$function$
CREATE OR REPLACE FUNCTION @.klines_drop_partition() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    oldest text;
BEGIN
    SELECT p.relname INTO oldest
    FROM pg_inherits i
    JOIN pg_class p ON p.oid = i.inhrelid
    CROSS JOIN LATERAL (
        SELECT substring(pg_get_expr(p.relpartbound, p.oid) FROM 'TO \(''(-?[0-9]+)''\)')::bigint AS until_time
    ) b
    WHERE i.inhparent = '@.market_klines'::regclass
      AND p.oid = @.klines_table(p.relname)
      AND b.until_time <= (SELECT retained_from FROM @.market_identity)
    ORDER BY b.until_time
    LIMIT 1;
    IF oldest IS NOT NULL THEN
        EXECUTE format('ALTER TABLE @.market_klines DETACH PARTITION @.%I', oldest);
        EXECUTE format('DROP TABLE @.%I', oldest);
    END IF;
    RETURN oldest;
END $$
$function$,

$function$
CREATE OR REPLACE FUNCTION @.klines_clear_month(name text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    month regclass;
    is_filled boolean;
BEGIN
    IF name !~ '^market_klines_[0-9]{4}_[0-9]{2}$' THEN
        RAISE 'a partition is called market_klines_YYYY_MM, not %', name;
    END IF;
    month := @.klines_table(name);
    IF month IS NULL THEN
        RETURN true;
    END IF;
    -- The question is asked twice: first without a lock, which only an empty partition is worth, and then for certain.
    EXECUTE format('SELECT EXISTS (SELECT FROM @.%I)', name) INTO is_filled;
    IF NOT is_filled AND @.klines_is_partition(month) THEN
        LOCK TABLE @.market_klines IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('SELECT EXISTS (SELECT FROM @.%I)', name) INTO is_filled;
        IF NOT is_filled THEN
            EXECUTE format('DROP TABLE @.%I', name);
            RETURN true;
        END IF;
    END IF;
    RETURN false;
END $$
$function$,

$function$
CREATE OR REPLACE FUNCTION @.klines_begin_month(loading text, from_time bigint, until_time bigint, writer text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF loading !~ '^market_klines_loading_[ab]$' THEN
        RAISE 'a month is loaded into market_klines_loading_a or _b, not %', loading;
    END IF;
    IF NOT pg_has_role(session_user, writer, 'MEMBER') THEN
        RAISE insufficient_privilege USING MESSAGE = format('%s is not %s', session_user, writer);
    END IF;
    EXECUTE format('CREATE TABLE @.%I (LIKE @.market_klines INCLUDING DEFAULTS)', loading);
    EXECUTE format('ALTER TABLE @.%I ADD CONSTRAINT month CHECK (time >= %L AND time < %L)', loading, from_time, until_time);
    IF writer <> current_user THEN
        EXECUTE format('GRANT INSERT ON @.%I TO %I', loading, writer);
    END IF;
END $$
$function$,

$function$
CREATE OR REPLACE FUNCTION @.klines_end_month(loading text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF loading !~ '^market_klines_loading_[ab]$' THEN
        RAISE 'a month is loaded into market_klines_loading_a or _b, not %', loading;
    END IF;
    IF @.klines_table(loading) IS NULL THEN
        RAISE undefined_table USING MESSAGE = format('@.%I does not exist; klines_begin_month makes it', loading);
    END IF;
    EXECUTE format('ALTER TABLE @.%I ADD %s', loading, (
        SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = '@.market_klines'::regclass AND contype = 'p'));
END $$
$function$,

$function$
CREATE OR REPLACE FUNCTION @.klines_attach_month(loading text, name text, from_time bigint, until_time bigint, writer text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF loading !~ '^market_klines_loading_[ab]$' OR name !~ '^market_klines_[0-9]{4}_[0-9]{2}$' THEN
        RAISE 'market_klines_loading_a or _b becomes market_klines_YYYY_MM, not % %', loading, name;
    END IF;
    IF NOT pg_has_role(session_user, writer, 'MEMBER') THEN
        RAISE insufficient_privilege USING MESSAGE = format('%s is not %s', session_user, writer);
    END IF;
    -- Partitions are made by one at a time; readers and writers go on.
    LOCK TABLE @.market_klines IN SHARE UPDATE EXCLUSIVE MODE;
    IF @.klines_table(loading) IS NULL THEN
        RAISE undefined_table USING MESSAGE = format('@.%I does not exist; klines_begin_month makes it', loading);
    END IF;
    IF writer <> current_user THEN
        EXECUTE format('REVOKE INSERT ON @.%I FROM %I', loading, writer);
    END IF;
    EXECUTE format('ALTER TABLE @.%I RENAME TO %I', loading, name);
    EXECUTE format('ALTER TABLE @.%I SET (fillfactor = 65)', name);
    EXECUTE format('ALTER INDEX @.%I RENAME TO %I', loading || '_pkey', name || '_pkey');
    PERFORM @.klines_watch_month(name);
    EXECUTE format('ALTER TABLE @.market_klines ATTACH PARTITION @.%I FOR VALUES FROM (%L) TO (%L)', name, from_time, until_time);
    EXECUTE format('ALTER TABLE @.%I DROP CONSTRAINT month', name);
END $$
$function$

    ] LOOP
        EXECUTE replace(definition, '@', place);
    END LOOP;

    FOREACH definition IN ARRAY ARRAY['klines_note_inserted()', 'klines_note_updated()', 'klines_note_changed()'] LOOP
        EXECUTE format('ALTER FUNCTION %s.%s SET search_path = %s, pg_temp', place, definition, place);
    END LOOP;
END $migration$;

COMMENT ON FUNCTION klines_table IS 'The table of this name beside market_klines, or null; an error when it is not the owner''s own';
COMMENT ON FUNCTION klines_is_partition IS 'Whether a table is a partition of market_klines';
REVOKE EXECUTE ON FUNCTION klines_table(text), klines_is_partition(regclass), klines_watch_month(text),
    klines_make_partition(text, bigint, bigint), klines_drop_partition(), klines_clear_month(text),
    klines_begin_month(text, bigint, bigint, text), klines_end_month(text),
    klines_attach_month(text, text, bigint, bigint, text) FROM PUBLIC;
