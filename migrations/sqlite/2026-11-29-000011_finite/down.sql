PRAGMA writable_schema = ON;
UPDATE sqlite_master SET sql = replace(replace(replace(replace(sql,
    'open REAL NOT NULL CHECK (open > -9e999 AND open < 9e999)', 'open NUMERIC(10,2) NOT NULL'),
    'high REAL NOT NULL CHECK (high > -9e999 AND high < 9e999)', 'high NUMERIC(10,2) NOT NULL'),
    'low REAL NOT NULL CHECK (low > -9e999 AND low < 9e999)', 'low NUMERIC(10,2) NOT NULL'),
    'close REAL NOT NULL CHECK (close > -9e999 AND close < 9e999)', 'close NUMERIC(10,2) NOT NULL')
WHERE type = 'table' AND name = 'market_klines';
UPDATE sqlite_master SET sql = replace(replace(replace(replace(sql,
    'base_price REAL NOT NULL CHECK (base_price > -9e999 AND base_price < 9e999)', 'base_price NUMERIC(10,2) NOT NULL'),
    'base_volatility REAL NOT NULL DEFAULT 0.02 CHECK (base_volatility > -9e999 AND base_volatility < 9e999)', 'base_volatility NUMERIC(6,4) NOT NULL'),
    'beta REAL NOT NULL', 'beta NUMERIC(6,4) NOT NULL'),
    'daily_turnover REAL NOT NULL', 'daily_turnover NUMERIC(16,2) NOT NULL')
WHERE type = 'table' AND name = 'stock_metadata';
UPDATE sqlite_master SET sql = replace(replace(replace(sql,
    'current_price REAL NOT NULL CHECK (current_price > -9e999 AND current_price < 9e999)', 'current_price NUMERIC(10,2) NOT NULL'),
    'volatility REAL NOT NULL CHECK (volatility > -9e999 AND volatility < 9e999)', 'volatility NUMERIC(6,4) NOT NULL'),
    'trend REAL NOT NULL CHECK (trend > -9e999 AND trend < 9e999)', 'trend NUMERIC(6,4) NOT NULL')
WHERE type = 'table' AND name = 'stock_state';
UPDATE sqlite_master SET sql = replace(replace(sql,
    'current_price REAL NOT NULL CHECK (current_price > -9e999 AND current_price < 9e999)', 'current_price NUMERIC(10,2) NOT NULL'),
    'change_percent REAL NOT NULL CHECK (change_percent > -9e999 AND change_percent < 9e999)', 'change_percent NUMERIC(6,3) NOT NULL')
WHERE type = 'table' AND name = 'stock_realtime_price';
UPDATE sqlite_master SET sql = replace(sql, 'CHECK (speed > 0 AND speed < 9e999)', 'CHECK (speed > 0)')
WHERE type = 'table' AND name = 'market_clock';
UPDATE sqlite_master SET sql = replace(sql, 'amount DOUBLE PRECISION CHECK (amount > -9e999 AND amount < 9e999)', 'amount DOUBLE PRECISION')
WHERE type = 'table' AND name = 'scenario_event';
UPDATE sqlite_master SET sql = replace(sql, 'last_update TIMESTAMP NOT NULL', 'last_update BIGINT NOT NULL')
WHERE type = 'table' AND name = 'market_status';
PRAGMA writable_schema = RESET;
UPDATE market_status SET last_update = CAST(strftime('%s', last_update) AS INTEGER);
-- Has every other connection read the descriptions again.
CREATE TABLE klined_probe (x);
DROP TABLE klined_probe;
