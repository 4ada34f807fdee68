PRAGMA writable_schema = ON;
UPDATE sqlite_master SET sql = replace(sql, '''afternoon'', ''regular'', ''closed''', '''afternoon'', ''closed''')
WHERE type = 'table' AND name = 'market_status';
PRAGMA writable_schema = RESET;
ALTER TABLE market_identity DROP COLUMN calendar;
-- Has every other connection read the descriptions again.
CREATE TABLE klined_probe (x);
DROP TABLE klined_probe;
