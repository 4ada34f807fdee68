-- How the market's time runs, for those who tell the open minute while it passes.

CREATE TABLE market_clock (
    id integer PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    pace varchar(10) NOT NULL CHECK (pace IN ('live', 'test')),
    speed double precision NOT NULL CHECK (speed > 0),
    open_minute bigint NOT NULL,
    opened_at_ns bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE market_clock IS 'Which minute is open, written with the minute before it; one row';
COMMENT ON COLUMN market_clock.pace IS 'live: with the wall clock; test: from minute to minute without closed hours';
COMMENT ON COLUMN market_clock.speed IS 'minutes of the market in a minute of the wall clock';
COMMENT ON COLUMN market_clock.open_minute IS 'start of the minute that is written next, Unix seconds';
COMMENT ON COLUMN market_clock.opened_at_ns IS 'when it opened by the wall clock, Unix nanoseconds';
