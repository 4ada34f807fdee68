-- The tables of the market. Times are Unix seconds; a bar is named by the start of its first minute.

CREATE TABLE market_klines (
    symbol varchar(20) NOT NULL,
    interval varchar(10) NOT NULL,
    time bigint NOT NULL,
    open numeric(10,2) NOT NULL,
    high numeric(10,2) NOT NULL,
    low numeric(10,2) NOT NULL,
    close numeric(10,2) NOT NULL,
    volume bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (symbol, interval, time)
) PARTITION BY RANGE (time);
COMMENT ON TABLE market_klines IS 'K-lines of every interval, partitioned by month in Asia/Shanghai (market_klines_YYYY_MM)';
COMMENT ON COLUMN market_klines.time IS 'start of the bar''s first trading minute, Unix seconds';

CREATE TABLE stock_metadata (
    symbol varchar(20) PRIMARY KEY,
    name varchar(100) NOT NULL,
    sector varchar(50) NOT NULL DEFAULT '',
    base_price numeric(10,2) NOT NULL,
    base_volatility numeric(6,4) NOT NULL,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE stock_metadata IS 'The universe. Rows may be added and is_active flipped at any time; it takes effect with the next trading day';
COMMENT ON COLUMN stock_metadata.base_volatility IS 'standard deviation of one trading day''s return, above 0 and at most 1';

CREATE TABLE stock_state (
    symbol varchar(20) PRIMARY KEY,
    current_price numeric(10,2) NOT NULL,
    volatility numeric(6,4) NOT NULL,
    trend numeric(6,4) NOT NULL,
    market_state varchar(20) NOT NULL CHECK (market_state IN ('bull', 'bear', 'sideways')),
    last_update bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE stock_state IS 'Each symbol after its last 1-minute bar';
COMMENT ON COLUMN stock_state.volatility IS 'daily standard deviation in the present regime';
COMMENT ON COLUMN stock_state.trend IS 'annual drift of the present regime';
COMMENT ON COLUMN stock_state.last_update IS 'time of the last 1-minute bar';

CREATE UNLOGGED TABLE stock_realtime_price (
    symbol varchar(20) PRIMARY KEY,
    current_price numeric(10,2) NOT NULL,
    change_percent numeric(6,3) NOT NULL,
    volume bigint NOT NULL,
    last_update bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);
COMMENT ON TABLE stock_realtime_price IS 'Last prices; empty after a server crash until the next minute is written';
COMMENT ON COLUMN stock_realtime_price.change_percent IS 'against the previous trading day''s close, held within ±999.999';
COMMENT ON COLUMN stock_realtime_price.volume IS 'shares traded since the day''s open';

CREATE TABLE market_status (
    id integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    is_trading boolean NOT NULL,
    current_session varchar(20) NOT NULL CHECK (current_session IN ('morning', 'afternoon', 'closed')),
    session_start bigint NOT NULL,
    session_end bigint NOT NULL,
    last_update bigint NOT NULL
);
COMMENT ON TABLE market_status IS 'Where the market''s clock stands; one row';
COMMENT ON COLUMN market_status.session_start IS 'of the present session, or of the next one while closed';

CREATE TABLE market_identity (
    id integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    seed varchar(20) NOT NULL,
    model varchar(40) NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE market_identity IS 'The seed and model version that every bar here was made with; one row';

CREATE TABLE role_epoch (
    role varchar(20) PRIMARY KEY,
    epoch bigint NOT NULL
);
COMMENT ON TABLE role_epoch IS 'How often each role has been taken; a process that took it earlier is refused when it writes';

CREATE TABLE model_checkpoint (
    symbol varchar(20) PRIMARY KEY,
    day date NOT NULL,
    opening text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE model_checkpoint IS 'What each symbol''s present trading day began with; with the seed it makes the day again';

CREATE TABLE stock_listing (
    symbol varchar(20) NOT NULL,
    first_day date NOT NULL,
    last_day date,
    PRIMARY KEY (symbol, first_day)
);
COMMENT ON TABLE stock_listing IS 'The spans of trading days in which each symbol has bars; last_day is null while it trades';

CREATE TABLE rollup_watermark (
    symbol varchar(20) PRIMARY KEY,
    folded_to bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
COMMENT ON TABLE rollup_watermark IS 'The last 1-minute bar of each generated symbol that is part of its roll-ups';

CREATE TABLE rollup_dirty (
    symbol varchar(20) NOT NULL,
    time bigint NOT NULL,
    claimed boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE rollup_dirty IS '1-minute bars that came late or were changed after they had been rolled up';
CREATE INDEX rollup_dirty_symbol ON rollup_dirty (symbol);

-- What calls for a repair of roll-ups is noted: a 1-minute bar that comes at or before its symbol's watermark, or of a
-- symbol without one; and any that is changed or removed. The latter whatever the watermark, which may pass the bar while
-- the change is not committed yet.

CREATE FUNCTION klines_note_inserted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rollup_dirty (symbol, time)
    SELECT i.symbol, min(i.time)
    FROM inserted i
    WHERE i.interval = '1m'
      AND NOT EXISTS (SELECT FROM rollup_watermark w WHERE w.symbol = i.symbol AND w.folded_to < i.time)
    GROUP BY i.symbol;
    RETURN NULL;
END $$;

CREATE TRIGGER klines_inserted AFTER INSERT ON market_klines
    REFERENCING NEW TABLE AS inserted
    FOR EACH STATEMENT EXECUTE FUNCTION klines_note_inserted();

CREATE FUNCTION klines_note_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (OLD.symbol, OLD.interval, OLD.time, OLD.open, OLD.high, OLD.low, OLD.close, OLD.volume)
           IS NOT DISTINCT FROM
           (NEW.symbol, NEW.interval, NEW.time, NEW.open, NEW.high, NEW.low, NEW.close, NEW.volume) THEN
            RETURN NULL;
        END IF;
        INSERT INTO rollup_dirty (symbol, time) SELECT NEW.symbol, NEW.time WHERE NEW.interval = '1m';
    END IF;
    INSERT INTO rollup_dirty (symbol, time) SELECT OLD.symbol, OLD.time WHERE OLD.interval = '1m';
    RETURN NULL;
END $$;

CREATE TRIGGER klines_updated AFTER UPDATE ON market_klines
    FOR EACH ROW WHEN (OLD.interval = '1m' OR NEW.interval = '1m')
    EXECUTE FUNCTION klines_note_changed();

-- A removal by klined itself takes the roll-ups along and says so by this setting.
CREATE TRIGGER klines_deleted AFTER DELETE ON market_klines
    FOR EACH ROW WHEN (OLD.interval = '1m' AND current_setting('klined.clearing', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION klines_note_changed();

-- A row that an update moves to another month fires the row triggers of a removal, but none of an insertion.
CREATE FUNCTION klines_note_moved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO rollup_dirty (symbol, time)
    SELECT m.symbol, min(m.time)
    FROM (SELECT symbol, time FROM moved_to WHERE interval = '1m'
          EXCEPT SELECT symbol, time FROM moved_from WHERE interval = '1m') m
    GROUP BY m.symbol;
    RETURN NULL;
END $$;

CREATE TRIGGER klines_moved AFTER UPDATE ON market_klines
    REFERENCING OLD TABLE AS moved_from NEW TABLE AS moved_to
    FOR EACH STATEMENT EXECUTE FUNCTION klines_note_moved();
