-- Bars that are kept for a time, and partitions that are made and dropped by a role that does not own the table.

ALTER TABLE market_identity ADD COLUMN retained_from bigint;
COMMENT ON COLUMN market_identity.retained_from IS 'start of the first month whose bars are kept, Unix seconds; null while all are. Earlier bars are not written again';

-- Attaching and dropping need the owner of the table. These functions run as the owner and do nothing else, so that whoever
-- writes bars need not be the owner.

-- Makes a table of its own that is then attached: unlike CREATE TABLE … PARTITION OF, this does not lock out readers. The
-- triggers for rows come with attaching; the one for statements sees only those that name its own table.
CREATE FUNCTION klines_make_partition(name text, from_time bigint, until_time bigint) RETURNS void
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
COMMENT ON FUNCTION klines_make_partition IS 'Makes a month''s partition of market_klines, unless it is there';

-- The horizon is committed before anything is dropped, so what is dropped is what nobody reads any more.
CREATE FUNCTION klines_drop_partition() RETURNS text
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
COMMENT ON FUNCTION klines_drop_partition IS 'Drops the oldest partition that lies wholly before market_identity.retained_from; gives its name, or null when there is none';

REVOKE EXECUTE ON FUNCTION klines_make_partition(text, bigint, bigint), klines_drop_partition() FROM PUBLIC;

-- Whoever calls them must not be able to put tables of their own in the way.
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION klines_make_partition(text, bigint, bigint) SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION klines_drop_partition() SET search_path = %I, pg_temp', current_schema());
END $$;
