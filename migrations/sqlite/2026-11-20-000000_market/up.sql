-- The tables of the market. Times are Unix seconds; a bar is named by the start of its first minute.

CREATE TABLE market_klines (
    symbol VARCHAR(20) NOT NULL,
    interval VARCHAR(10) NOT NULL,
    time BIGINT NOT NULL,
    open NUMERIC(10,2) NOT NULL,
    high NUMERIC(10,2) NOT NULL,
    low NUMERIC(10,2) NOT NULL,
    close NUMERIC(10,2) NOT NULL,
    volume BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (symbol, interval, time)
) WITHOUT ROWID;

-- The universe. Rows may be added and is_active flipped at any time; it takes effect with the next trading day.
CREATE TABLE stock_metadata (
    symbol VARCHAR(20) PRIMARY KEY NOT NULL,
    name VARCHAR(100) NOT NULL,
    sector VARCHAR(50) NOT NULL DEFAULT '',
    base_price NUMERIC(10,2) NOT NULL,
    -- standard deviation of one trading day's return, above 0 and at most 1
    base_volatility NUMERIC(6,4) NOT NULL,
    is_active BOOLEAN NOT NULL DEFAULT 1,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- Each symbol after its last 1-minute bar.
CREATE TABLE stock_state (
    symbol VARCHAR(20) PRIMARY KEY NOT NULL,
    current_price NUMERIC(10,2) NOT NULL,
    -- daily standard deviation in the present regime
    volatility NUMERIC(6,4) NOT NULL,
    -- annual drift of the present regime
    trend NUMERIC(6,4) NOT NULL,
    market_state VARCHAR(20) NOT NULL CHECK (market_state IN ('bull', 'bear', 'sideways')),
    -- time of the last 1-minute bar
    last_update BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE stock_realtime_price (
    symbol VARCHAR(20) PRIMARY KEY NOT NULL,
    current_price NUMERIC(10,2) NOT NULL,
    -- against the previous trading day's close, held within ±999.999
    change_percent NUMERIC(6,3) NOT NULL,
    -- shares traded since the day's open
    volume BIGINT NOT NULL,
    last_update BIGINT NOT NULL,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- Where the market's clock stands; one row.
CREATE TABLE market_status (
    id INTEGER PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    is_trading BOOLEAN NOT NULL,
    current_session VARCHAR(20) NOT NULL CHECK (current_session IN ('morning', 'afternoon', 'closed')),
    -- of the present session, or of the next one while closed
    session_start BIGINT NOT NULL,
    session_end BIGINT NOT NULL,
    last_update BIGINT NOT NULL
);

-- The seed and model version that every bar here was made with; one row.
CREATE TABLE market_identity (
    id INTEGER PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    seed VARCHAR(20) NOT NULL,
    model VARCHAR(40) NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- How often each role has been taken; a process that took it earlier is refused when it writes.
CREATE TABLE role_epoch (
    role VARCHAR(20) PRIMARY KEY NOT NULL,
    epoch BIGINT NOT NULL
) WITHOUT ROWID;

-- What each symbol's present trading day began with; with the seed it makes the day again.
CREATE TABLE model_checkpoint (
    symbol VARCHAR(20) PRIMARY KEY NOT NULL,
    day DATE NOT NULL,
    opening TEXT NOT NULL,
    updated_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- The spans of trading days in which each symbol has bars; last_day is null while it trades.
CREATE TABLE stock_listing (
    symbol VARCHAR(20) NOT NULL,
    first_day DATE NOT NULL,
    last_day DATE,
    PRIMARY KEY (symbol, first_day)
) WITHOUT ROWID;

-- The last 1-minute bar of each generated symbol that is part of its roll-ups.
CREATE TABLE rollup_watermark (
    symbol VARCHAR(20) PRIMARY KEY NOT NULL,
    folded_to BIGINT NOT NULL DEFAULT 0
) WITHOUT ROWID;

-- 1-minute bars that came late or were changed after they had been rolled up.
CREATE TABLE rollup_dirty (
    symbol VARCHAR(20) NOT NULL,
    time BIGINT NOT NULL,
    claimed BOOLEAN NOT NULL DEFAULT 0
);
CREATE INDEX rollup_dirty_symbol ON rollup_dirty (symbol);

-- What calls for a repair of roll-ups is noted: a 1-minute bar that comes at or before its symbol's watermark, or of a
-- symbol without one; and any that is changed or removed.

CREATE TRIGGER klines_inserted AFTER INSERT ON market_klines
WHEN NEW.interval = '1m'
    AND NOT EXISTS (SELECT 1 FROM rollup_watermark w WHERE w.symbol = NEW.symbol AND w.folded_to < NEW.time)
BEGIN
    INSERT INTO rollup_dirty (symbol, time) VALUES (NEW.symbol, NEW.time);
END;

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

CREATE TRIGGER klines_deleted AFTER DELETE ON market_klines
WHEN OLD.interval = '1m'
BEGIN
    INSERT INTO rollup_dirty (symbol, time) VALUES (OLD.symbol, OLD.time);
END;
