DO $$
DECLARE
    place regnamespace := (SELECT relnamespace FROM pg_class WHERE oid = 'market_klines'::regclass);
    maker oid;
BEGIN
    FOR maker IN SELECT oid FROM pg_proc WHERE pronamespace = place AND proname IN ('klines_make_partition', 'klines_begin_month') LOOP
        EXECUTE replace(pg_get_functiondef(maker), 'INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', 'INCLUDING DEFAULTS)');
    END LOOP;
END $$;
ALTER TABLE scenario_event DROP CONSTRAINT event_finite;
ALTER TABLE market_clock DROP CONSTRAINT clock_finite;
ALTER TABLE stock_realtime_price DROP CONSTRAINT realtime_finite;
ALTER TABLE stock_state DROP CONSTRAINT state_finite;
ALTER TABLE stock_metadata DROP CONSTRAINT metadata_finite;
ALTER TABLE market_klines DROP CONSTRAINT klines_finite;
-- On a month of its own the constraint is not only inherited.
DO $$
DECLARE
    month regclass;
BEGIN
    FOR month IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'market_klines'::regclass LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS klines_finite', month);
    END LOOP;
END $$;
