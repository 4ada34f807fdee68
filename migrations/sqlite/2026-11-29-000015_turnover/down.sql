DROP TRIGGER klines_updated;
CREATE TRIGGER klines_updated AFTER UPDATE ON market_klines
WHEN (OLD.interval = '1m' OR NEW.interval = '1m')
    AND (OLD.symbol, OLD.interval, OLD.time, OLD.open, OLD.high, OLD.low, OLD.close, OLD.volume)
     IS NOT (NEW.symbol, NEW.interval, NEW.time, NEW.open, NEW.high, NEW.low, NEW.close, NEW.volume)
BEGIN
    INSERT INTO rollup_dirty (symbol, time)
    SELECT OLD.symbol, OLD.time WHERE OLD.interval = '1m'
    UNION
    SELECT NEW.symbol, NEW.time WHERE NEW.interval = '1m';
END;

ALTER TABLE market_klines DROP COLUMN trades;
ALTER TABLE market_klines DROP COLUMN turnover;
