-- Reads the bars that were there before they were checked. Readers and writers go on meanwhile.
DO $$
DECLARE
    found record;
BEGIN
    ALTER TABLE market_klines VALIDATE CONSTRAINT klines_finite;
EXCEPTION WHEN check_violation THEN
    SELECT symbol, interval, time INTO found FROM market_klines WHERE 'NaN' IN (open, high, low, close) LIMIT 1;
    RAISE 'the % bar of % at % has a price that is NaN; correct or delete it, and start again', found.interval, found.symbol, found.time;
END $$;
