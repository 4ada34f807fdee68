-- Which minute is open, written with the minute before it, for those who tell it while it passes; one row.
CREATE TABLE market_clock (
    id INTEGER PRIMARY KEY NOT NULL DEFAULT 1 CHECK (id = 1),
    -- live: with the wall clock; test: from minute to minute without closed hours
    pace VARCHAR(10) NOT NULL CHECK (pace IN ('live', 'test')),
    -- minutes of the market in a minute of the wall clock
    speed DOUBLE PRECISION NOT NULL CHECK (speed > 0),
    -- start of the minute that is written next, Unix seconds
    open_minute BIGINT NOT NULL,
    -- when it opened by the wall clock, Unix nanoseconds
    opened_at_ns BIGINT NOT NULL
);
