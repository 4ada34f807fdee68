DROP TRIGGER klines_deleted;
ALTER TABLE market_identity DROP COLUMN retained_from;
CREATE TRIGGER klines_deleted AFTER DELETE ON market_klines
WHEN OLD.interval = '1m'
BEGIN
    INSERT INTO rollup_dirty (symbol, time) VALUES (OLD.symbol, OLD.time);
END;
