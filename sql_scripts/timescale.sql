-- Makes market_klines a compressed hypertable of TimescaleDB, as the owner of klined's tables and with no daemon running:
--
--     psql -v ON_ERROR_STOP=1 -d happystock -c 'CREATE EXTENSION timescaledb'
--     psql -v ON_ERROR_STOP=1 -d happystock -f sql_scripts/timescale.sql
--
-- Without the extension in the database it changes nothing, and the months stay plain partitions. It may be run again. Chunks of 31 days
-- take the place of the months; chunks that end a week before the market's last minute are compressed. The bars are copied in one
-- transaction, so there must be room for them twice. Retention drops whole chunks, and deletes the days before the horizon.
DO $script$
DECLARE
    place text := quote_ident(current_schema());
    changed record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        RAISE NOTICE 'there is no extension timescaledb in this database: market_klines keeps its partitions by month';
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = 'market_klines'::regclass) THEN
        RAISE NOTICE 'market_klines is not partitioned by month any more: nothing to do';
        RETURN;
    END IF;
    LOCK TABLE market_klines IN ACCESS EXCLUSIVE MODE;
    ALTER TABLE market_klines RENAME TO market_klines_by_month;
    CREATE TABLE market_klines (
        LIKE market_klines_by_month INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS,
        PRIMARY KEY (symbol, interval, time)
    );
    COMMENT ON TABLE market_klines IS 'K-lines of every interval, a hypertable in chunks of 31 days';
    PERFORM create_hypertable('market_klines', 'time', chunk_time_interval => 2678400::bigint);
    INSERT INTO market_klines SELECT * FROM market_klines_by_month;

    -- The notes of changed bars, and what each role may do.
    FOR changed IN
        SELECT replace(pg_get_triggerdef(oid), 'market_klines_by_month', 'market_klines') AS statement
        FROM pg_trigger WHERE tgrelid = 'market_klines_by_month'::regclass AND NOT tgisinternal
        UNION ALL
        SELECT format('GRANT %s ON %s.market_klines TO %s', a.privilege_type, place,
            CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END)
        FROM pg_class c, aclexplode(c.relacl) a
        WHERE c.oid = 'market_klines_by_month'::regclass AND a.grantee <> c.relowner
    LOOP
        EXECUTE changed.statement;
    END LOOP;
    DROP TABLE market_klines_by_month;

    -- "Now" is the market's last minute, which runs ahead of the clock in test mode.
    EXECUTE format('CREATE OR REPLACE FUNCTION %1$s.klines_now() RETURNS bigint LANGUAGE sql STABLE '
        'SET search_path = pg_catalog, pg_temp AS '
        '$$ SELECT coalesce(max(last_update), 0) FROM %1$s.stock_state $$', place);
    PERFORM set_integer_now_func('market_klines', 'klines_now');
    ALTER TABLE market_klines SET (timescaledb.compress, timescaledb.compress_segmentby = 'symbol, interval',
        timescaledb.compress_orderby = 'time');
    PERFORM add_compression_policy('market_klines', compress_after => 604800::bigint);

    -- Drops the chunks that lie wholly before the horizon, instead of one partition.
    EXECUTE format('CREATE OR REPLACE FUNCTION %1$s.klines_drop_partition() RETURNS text LANGUAGE plpgsql SECURITY DEFINER '
        'SET search_path = pg_catalog, pg_temp AS $$ BEGIN '
        'PERFORM %2$s.drop_chunks(''%1$s.market_klines'', older_than => (SELECT retained_from FROM %1$s.market_identity)) '
        'WHERE EXISTS (SELECT FROM %1$s.market_identity WHERE retained_from IS NOT NULL); '
        'RETURN NULL; END $$', place,
        (SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'timescaledb'));
END $script$;
