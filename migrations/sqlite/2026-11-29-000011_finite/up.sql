-- Decimals are doubles, whole ones too: in a NUMERIC column 1728.0 becomes the integer 1728, and 1728 / 1732 is 0. Numbers that are not
-- finite are refused at the table: a NaN is NULL to SQLite, and 9e999 is infinite.
--
-- The descriptions of the tables are edited in place, because copying a table of bars would take as long as making it and twice the
-- room: a whole number of a REAL column is kept in the same bytes as that of a NUMERIC one, and becomes a double when it is read.

CREATE TABLE klined_probe (bars_that_are_not_finite INTEGER CHECK (bars_that_are_not_finite = 0));
INSERT INTO klined_probe SELECT count(*) FROM market_klines
WHERE NOT (open > -9e999 AND open < 9e999 AND high > -9e999 AND high < 9e999 AND low > -9e999 AND low < 9e999
    AND close > -9e999 AND close < 9e999);

-- An instant where models that were written for the first system declare TIMESTAMP.
UPDATE market_status SET last_update = strftime('%Y-%m-%d %H:%M:%S', last_update, 'unixepoch');

PRAGMA writable_schema = ON;
UPDATE sqlite_master SET sql = replace(replace(replace(replace(sql,
    'open NUMERIC(10,2) NOT NULL', 'open REAL NOT NULL CHECK (open > -9e999 AND open < 9e999)'),
    'high NUMERIC(10,2) NOT NULL', 'high REAL NOT NULL CHECK (high > -9e999 AND high < 9e999)'),
    'low NUMERIC(10,2) NOT NULL', 'low REAL NOT NULL CHECK (low > -9e999 AND low < 9e999)'),
    'close NUMERIC(10,2) NOT NULL', 'close REAL NOT NULL CHECK (close > -9e999 AND close < 9e999)')
WHERE type = 'table' AND name = 'market_klines';
UPDATE sqlite_master SET sql = replace(replace(replace(replace(sql,
    'base_price NUMERIC(10,2) NOT NULL', 'base_price REAL NOT NULL CHECK (base_price > -9e999 AND base_price < 9e999)'),
    'base_volatility NUMERIC(6,4) NOT NULL', 'base_volatility REAL NOT NULL DEFAULT 0.02 CHECK (base_volatility > -9e999 AND base_volatility < 9e999)'),
    'beta NUMERIC(6,4) NOT NULL', 'beta REAL NOT NULL'),
    'daily_turnover NUMERIC(16,2) NOT NULL', 'daily_turnover REAL NOT NULL')
WHERE type = 'table' AND name = 'stock_metadata';
UPDATE sqlite_master SET sql = replace(replace(replace(sql,
    'current_price NUMERIC(10,2) NOT NULL', 'current_price REAL NOT NULL CHECK (current_price > -9e999 AND current_price < 9e999)'),
    'volatility NUMERIC(6,4) NOT NULL', 'volatility REAL NOT NULL CHECK (volatility > -9e999 AND volatility < 9e999)'),
    'trend NUMERIC(6,4) NOT NULL', 'trend REAL NOT NULL CHECK (trend > -9e999 AND trend < 9e999)')
WHERE type = 'table' AND name = 'stock_state';
UPDATE sqlite_master SET sql = replace(replace(sql,
    'current_price NUMERIC(10,2) NOT NULL', 'current_price REAL NOT NULL CHECK (current_price > -9e999 AND current_price < 9e999)'),
    'change_percent NUMERIC(6,3) NOT NULL', 'change_percent REAL NOT NULL CHECK (change_percent > -9e999 AND change_percent < 9e999)')
WHERE type = 'table' AND name = 'stock_realtime_price';
UPDATE sqlite_master SET sql = replace(sql, 'CHECK (speed > 0)', 'CHECK (speed > 0 AND speed < 9e999)')
WHERE type = 'table' AND name = 'market_clock';
UPDATE sqlite_master SET sql = replace(sql, 'amount DOUBLE PRECISION', 'amount DOUBLE PRECISION CHECK (amount > -9e999 AND amount < 9e999)')
WHERE type = 'table' AND name = 'scenario_event';
UPDATE sqlite_master SET sql = replace(sql, 'last_update BIGINT NOT NULL', 'last_update TIMESTAMP NOT NULL')
WHERE type = 'table' AND name = 'market_status';
PRAGMA writable_schema = RESET;

-- Has every other connection read the descriptions again.
DROP TABLE klined_probe;
