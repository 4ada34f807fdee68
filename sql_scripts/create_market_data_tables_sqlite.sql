-- Sets up an SQLite database without klined:
--
--     sqlite3 happystock.db < sql_scripts/create_market_data_tables_sqlite.sql
--
-- It makes the tables as klined's migrations leave them, with a record that they have been run, and fills in the stocks of the universe
-- `demo`. tests/it/db/schema.rs compares it with the migrations. create_market_data_tables.sql is the same for PostgreSQL.
.bail on
BEGIN;

CREATE TABLE market_klines (
    symbol VARCHAR(20) NOT NULL,
    interval VARCHAR(10) NOT NULL,
    time BIGINT NOT NULL,
    open REAL NOT NULL CHECK (open > -9e999 AND open < 9e999),
    high REAL NOT NULL CHECK (high > -9e999 AND high < 9e999),
    low REAL NOT NULL CHECK (low > -9e999 AND low < 9e999),
    close REAL NOT NULL CHECK (close > -9e999 AND close < 9e999),
    volume BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, turnover REAL CHECK (turnover > -9e999 AND turnover < 9e999), trades BIGINT,
    PRIMARY KEY (symbol, interval, time)
) WITHOUT ROWID;

CREATE TABLE stock_metadata (
    symbol VARCHAR(20) PRIMARY KEY NOT NULL,
    name VARCHAR(100) NOT NULL,
    sector VARCHAR(50) NOT NULL DEFAULT '',
    base_price REAL NOT NULL CHECK (base_price > -9e999 AND base_price < 9e999),
    -- standard deviation of one trading day's return, above 0 and at most 1
    base_volatility REAL NOT NULL DEFAULT 0.02 CHECK (base_volatility > -9e999 AND base_volatility < 9e999),
    is_active BOOLEAN NOT NULL DEFAULT 1,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
, board VARCHAR(20) NOT NULL DEFAULT 'free'
    CHECK (board IN ('free', 'main', 'chinext', 'star', 'beijing')), is_st BOOLEAN NOT NULL DEFAULT 0
    CHECK (is_st IN (0, 1)), beta REAL NOT NULL DEFAULT 1
    CHECK (typeof(beta) IN ('integer', 'real') AND beta > 0 AND beta <= 5), daily_turnover REAL NOT NULL DEFAULT 149000000
    CHECK (typeof(daily_turnover) IN ('integer', 'real') AND daily_turnover > 0 AND daily_turnover <= 10000000000000), drift REAL NOT NULL DEFAULT 0
    CHECK (typeof(drift) IN ('integer', 'real') AND drift >= -10 AND drift <= 10), min_price REAL
    CHECK (min_price IS NULL OR (typeof(min_price) IN ('integer', 'real') AND min_price > 0 AND min_price < 9e999)), max_price REAL
    CHECK (max_price IS NULL OR (typeof(max_price) IN ('integer', 'real') AND max_price > 0 AND max_price < 9e999
        AND (min_price IS NULL OR min_price <= max_price))));

CREATE TABLE stock_state (
    symbol VARCHAR(20) PRIMARY KEY NOT NULL,
    current_price REAL NOT NULL CHECK (current_price > -9e999 AND current_price < 9e999),
    -- daily standard deviation in the present regime
    volatility REAL NOT NULL CHECK (volatility > -9e999 AND volatility < 9e999),
    -- annual drift of the present regime
    trend REAL NOT NULL CHECK (trend > -9e999 AND trend < 9e999),
    market_state VARCHAR(20) NOT NULL CHECK (market_state IN ('bull', 'bear', 'sideways')),
    -- time of the last 1-minute bar
    last_update BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
, is_halted BOOLEAN NOT NULL DEFAULT 0);

CREATE TABLE stock_realtime_price (
    symbol VARCHAR(20) PRIMARY KEY NOT NULL,
    current_price REAL NOT NULL CHECK (current_price > -9e999 AND current_price < 9e999),
    -- against the previous trading day's close, held within ±999.999
    change_percent REAL NOT NULL CHECK (change_percent > -9e999 AND change_percent < 9e999),
    -- shares traded since the day's open
    volume BIGINT NOT NULL,
    last_update BIGINT NOT NULL,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE market_status (
    id INTEGER PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    is_trading BOOLEAN NOT NULL,
    current_session VARCHAR(20) NOT NULL CHECK (current_session IN ('morning', 'afternoon', 'regular', 'closed')),
    -- of the present session, or of the next one while closed
    session_start BIGINT NOT NULL,
    session_end BIGINT NOT NULL,
    last_update TIMESTAMP NOT NULL
);

CREATE TABLE market_identity (
    id INTEGER PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    seed VARCHAR(20) NOT NULL,
    model VARCHAR(40) NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
, retained_from BIGINT, calendar VARCHAR(20) NOT NULL DEFAULT 'sse');

CREATE TABLE role_epoch (
    role VARCHAR(20) PRIMARY KEY NOT NULL,
    epoch BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE model_checkpoint (
    symbol VARCHAR(20) PRIMARY KEY NOT NULL,
    day DATE NOT NULL,
    opening TEXT NOT NULL,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE stock_listing (
    symbol VARCHAR(20) NOT NULL,
    first_day DATE NOT NULL,
    last_day DATE,
    PRIMARY KEY (symbol, first_day)
) WITHOUT ROWID;

CREATE TABLE rollup_watermark (
    symbol VARCHAR(20) PRIMARY KEY NOT NULL,
    folded_to BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE TRIGGER klines_inserted AFTER INSERT ON market_klines
WHEN NEW.interval = '1m'
    AND NOT EXISTS (SELECT 1 FROM rollup_watermark w WHERE w.symbol = NEW.symbol AND w.folded_to < NEW.time)
BEGIN
    INSERT INTO rollup_dirty (symbol, time) VALUES (NEW.symbol, NEW.time);
END;

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

CREATE TABLE market_scenario (
    id INTEGER PRIMARY KEY NOT NULL,
    name VARCHAR(64) NOT NULL UNIQUE,
    -- the events as the file gave them, one a line
    definition TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE scenario_event (
    scenario INTEGER NOT NULL REFERENCES market_scenario (id),
    place INTEGER NOT NULL,
    kind VARCHAR(20) NOT NULL CHECK (kind IN ('regime', 'move', 'halt', 'gap', 'volatility')),
    symbol VARCHAR(20),
    sector VARCHAR(50),
    regime VARCHAR(20) CHECK (regime IN ('bull', 'bear', 'sideways')),
    -- per cent of a move or gap, factor of a volatility
    amount DOUBLE PRECISION CHECK (amount > -9e999 AND amount < 9e999),
    from_time BIGINT NOT NULL,
    -- end of the last minute touched
    until_time BIGINT NOT NULL,
    PRIMARY KEY (scenario, place)
);

CREATE TABLE stock_halt (
    symbol VARCHAR(20) NOT NULL,
    -- start of the first minute without trade
    from_time BIGINT NOT NULL,
    -- end of the last; it may lie ahead
    until_time BIGINT NOT NULL,
    PRIMARY KEY (symbol, from_time)
) WITHOUT ROWID;

CREATE TRIGGER klines_deleted AFTER DELETE ON market_klines
WHEN OLD.interval = '1m'
    AND NOT EXISTS (SELECT 1 FROM market_identity i WHERE OLD.time < i.retained_from)
BEGIN
    INSERT INTO rollup_dirty (symbol, time) VALUES (OLD.symbol, OLD.time);
END;

CREATE TABLE market_clock (
    id INTEGER PRIMARY KEY NOT NULL DEFAULT 1 CHECK (id = 1),
    -- live: with the wall clock; test: from minute to minute without closed hours
    pace VARCHAR(10) NOT NULL CHECK (pace IN ('live', 'test')),
    -- minutes of the market in a minute of the wall clock
    speed DOUBLE PRECISION NOT NULL CHECK (speed > 0 AND speed < 9e999),
    -- start of the minute that is written next, Unix seconds
    open_minute BIGINT NOT NULL,
    -- when it opened by the wall clock, Unix nanoseconds
    opened_at_ns BIGINT NOT NULL
);

CREATE TABLE rollup_dirty (
    symbol VARCHAR(20) NOT NULL,
    time BIGINT NOT NULL,
    claimed BOOLEAN NOT NULL DEFAULT 0,
    -- names the row; a bar may be noted more than once
    id INTEGER PRIMARY KEY NOT NULL
);

CREATE INDEX rollup_dirty_symbol ON rollup_dirty (symbol);

CREATE TABLE stock_parameters (
    symbol VARCHAR(20) NOT NULL,
    first_day DATE NOT NULL,
    -- JSON, as in model_checkpoint.opening
    parameters TEXT NOT NULL,
    PRIMARY KEY (symbol, first_day)
) WITHOUT ROWID;

CREATE TABLE __diesel_schema_migrations (
    version VARCHAR(50) PRIMARY KEY NOT NULL,
    run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO __diesel_schema_migrations (version)
VALUES ('20261120000000'), ('20261121000001'), ('20261121000002'), ('20261121000003'), ('20261121000004'), ('20261121000005'), ('20261121000006'), ('20261121000007'), ('20261129000008'), ('20261129000009'), ('20261129000010'), ('20261129000011'), ('20261129000012'), ('20261129000013'), ('20261129000014'), ('20261129000015'), ('20261129000016'), ('20261129000017');

-- The universe `demo` and the status of a market that has not begun. For another universe leave the stocks out.
INSERT INTO stock_metadata (symbol, name, sector, base_price, base_volatility, daily_turnover) VALUES
    ('AAPL', 'Apple Inc.', 'Technology', 150.00, 0.025, 7500000000),
    ('TSLA', 'Tesla Inc.', 'Automotive', 200.00, 0.035, 20000000000),
    ('MSFT', 'Microsoft Corporation', 'Technology', 300.00, 0.020, 6600000000),
    ('AMZN', 'Amazon.com Inc.', 'E-commerce', 130.00, 0.028, 5900000000),
    ('GOOGL', 'Alphabet Inc.', 'Technology', 140.00, 0.022, 3800000000),
    ('META', 'Meta Platforms Inc.', 'Technology', 350.00, 0.030, 5300000000),
    ('NVDA', 'NVIDIA Corporation', 'Technology', 450.00, 0.032, 20000000000),
    ('BRK.B', 'Berkshire Hathaway Inc.', 'Finance', 380.00, 0.015, 1300000000),
    ('JPM', 'JPMorgan Chase & Co.', 'Finance', 160.00, 0.018, 1500000000),
    ('V', 'Visa Inc.', 'Finance', 250.00, 0.020, 1600000000);
INSERT INTO market_status (id, is_trading, current_session, session_start, session_end, last_update)
VALUES (1, false, 'closed', 0, 0, '1970-01-01 00:00:00');

COMMIT;
