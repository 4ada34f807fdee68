-- The hours that the market trades in. Markets that were made before had those of Shanghai.
ALTER TABLE market_identity ADD COLUMN calendar VARCHAR(20) NOT NULL DEFAULT 'sse';

-- A market without a lunch break has one session a day. The description of the table is edited in place.
CREATE TABLE klined_probe (x);
PRAGMA writable_schema = ON;
UPDATE sqlite_master SET sql = replace(sql, '''afternoon'', ''closed''', '''afternoon'', ''regular'', ''closed''')
WHERE type = 'table' AND name = 'market_status';
PRAGMA writable_schema = RESET;
-- Has every other connection read the descriptions again.
DROP TABLE klined_probe;
