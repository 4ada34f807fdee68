-- Start of the first month whose bars are kept, Unix seconds; null while all are. Earlier bars are not written again.
ALTER TABLE market_identity ADD COLUMN retained_from BIGINT;

-- Removing a bar that is not kept any more calls for no repair.
DROP TRIGGER klines_deleted;
CREATE TRIGGER klines_deleted AFTER DELETE ON market_klines
WHEN OLD.interval = '1m'
    AND NOT EXISTS (SELECT 1 FROM market_identity i WHERE OLD.time < i.retained_from)
BEGIN
    INSERT INTO rollup_dirty (symbol, time) VALUES (OLD.symbol, OLD.time);
END;
