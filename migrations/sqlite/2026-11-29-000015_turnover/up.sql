-- What the trades of each bar add up to: the sum of price times size, in currency units, and their number. Bars that are there keep
-- their rows as they are: both columns are null in them until `data-aggregator --fill-turnover` has computed them.
ALTER TABLE market_klines ADD COLUMN turnover REAL CHECK (turnover > -9e999 AND turnover < 9e999);
ALTER TABLE market_klines ADD COLUMN trades BIGINT;

DROP TRIGGER klines_updated;
CREATE TRIGGER klines_updated AFTER UPDATE ON market_klines
WHEN (OLD.interval = '1m' OR NEW.interval = '1m')
    AND (OLD.symbol, OLD.interval, OLD.time, OLD.open, OLD.high, OLD.low, OLD.close, OLD.volume, OLD.turnover, OLD.trades)
     IS NOT (NEW.symbol, NEW.interval, NEW.time, NEW.open, NEW.high, NEW.low, NEW.close, NEW.volume, NEW.turnover, NEW.trades)
BEGIN
    INSERT INTO rollup_dirty (symbol, time)
    SELECT OLD.symbol, OLD.time WHERE OLD.interval = '1m'
    UNION
    SELECT NEW.symbol, NEW.time WHERE NEW.interval = '1m';
END;
