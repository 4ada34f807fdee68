CREATE OR REPLACE FUNCTION klines_note_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- A bar that is the same before and after stands there twice. One that an update moves to another month fires the row triggers of
    -- a removal, but none of an insertion.
    INSERT INTO rollup_dirty (symbol, time)
    SELECT c.symbol, min(c.time)
    FROM (SELECT b.symbol, b.time
          FROM (SELECT * FROM updated_from UNION ALL SELECT * FROM updated_to) b
          WHERE b.interval = '1m'
          GROUP BY b.symbol, b.time, b.open, b.high, b.low, b.close, b.volume
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

-- Takes the constraint along, in every month.
ALTER TABLE market_klines DROP COLUMN turnover, DROP COLUMN trades;
-- On a month of its own the columns are not only inherited.
DO $$
DECLARE
    month regclass;
BEGIN
    FOR month IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'market_klines'::regclass LOOP
        EXECUTE format('ALTER TABLE %s DROP COLUMN IF EXISTS turnover, DROP COLUMN IF EXISTS trades', month);
    END LOOP;
END $$;
