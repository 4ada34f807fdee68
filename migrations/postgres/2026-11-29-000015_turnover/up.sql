-- What the trades of each bar add up to. Bars that are there keep their rows as they are: both columns are null in them until
-- `data-aggregator --fill-turnover` has computed them.
ALTER TABLE market_klines ADD COLUMN turnover numeric(20,2), ADD COLUMN trades bigint;
COMMENT ON COLUMN market_klines.turnover IS 'sum of price times size of the trades, currency units; null if not known';
COMMENT ON COLUMN market_klines.trades IS 'number of trades; null if not known';
-- No row is read for it, and none that was there can break it.
ALTER TABLE market_klines ADD CONSTRAINT klines_turnover CHECK (turnover <> 'NaN') NOT VALID;

CREATE OR REPLACE FUNCTION klines_note_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A bar that is the same before and after stands there twice. One that an update moves to another month fires the row triggers of
    -- a removal, but none of an insertion.
    INSERT INTO rollup_dirty (symbol, time)
    SELECT c.symbol, min(c.time)
    FROM (SELECT b.symbol, b.time
          FROM (SELECT * FROM updated_from UNION ALL SELECT * FROM updated_to) b
          WHERE b.interval = '1m'
          GROUP BY b.symbol, b.time, b.open, b.high, b.low, b.close, b.volume, b.turnover, b.trades
          HAVING count(*) = 1) c
    GROUP BY c.symbol;
    RETURN NULL;
END $$;

DO $$
DECLARE
    place text := quote_ident(current_schema());
BEGIN
    EXECUTE format('ALTER FUNCTION %s.klines_note_updated() SET search_path = %s, pg_temp', place, place);
END $$;
