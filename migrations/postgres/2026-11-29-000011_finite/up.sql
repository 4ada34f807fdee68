-- Numbers that are not finite are refused at the table. NaN is greater than every number to PostgreSQL, so no lower bound refuses it; a
-- numeric of limited precision holds no infinity.

-- Bars that are there are read by the next migration, in a transaction of its own: this lock keeps everybody out, and is over in a moment.
ALTER TABLE market_klines ADD CONSTRAINT klines_finite
    CHECK (open <> 'NaN' AND high <> 'NaN' AND low <> 'NaN' AND close <> 'NaN') NOT VALID;

ALTER TABLE stock_metadata ADD CONSTRAINT metadata_finite CHECK (base_price <> 'NaN' AND base_volatility <> 'NaN');
ALTER TABLE stock_state ADD CONSTRAINT state_finite CHECK (current_price <> 'NaN' AND volatility <> 'NaN' AND trend <> 'NaN');
ALTER TABLE stock_realtime_price ADD CONSTRAINT realtime_finite CHECK (current_price <> 'NaN' AND change_percent <> 'NaN');
ALTER TABLE market_clock ADD CONSTRAINT clock_finite CHECK (speed < 'Infinity');
ALTER TABLE scenario_event ADD CONSTRAINT event_finite CHECK (amount > '-Infinity' AND amount < 'Infinity');

-- A table that becomes a month has the constraints of market_klines.
DO $$
DECLARE
    place regnamespace := (SELECT relnamespace FROM pg_class WHERE oid = 'market_klines'::regclass);
    maker oid;
BEGIN
    FOR maker IN SELECT oid FROM pg_proc WHERE pronamespace = place AND proname IN ('klines_make_partition', 'klines_begin_month') LOOP
        EXECUTE replace(pg_get_functiondef(maker), 'INCLUDING DEFAULTS)', 'INCLUDING DEFAULTS INCLUDING CONSTRAINTS)');
    END LOOP;
END $$;
