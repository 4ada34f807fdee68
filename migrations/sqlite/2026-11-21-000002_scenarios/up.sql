-- The scenarios applied to this market, in order; part of its identity from then on.
CREATE TABLE market_scenario (
    id INTEGER PRIMARY KEY NOT NULL,
    name VARCHAR(64) NOT NULL UNIQUE,
    -- the events as the file gave them, one a line
    definition TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- What the scenarios do; without symbol and sector an event is for the whole market.
CREATE TABLE scenario_event (
    scenario INTEGER NOT NULL REFERENCES market_scenario (id),
    place INTEGER NOT NULL,
    kind VARCHAR(20) NOT NULL CHECK (kind IN ('regime', 'move', 'halt', 'gap', 'volatility')),
    symbol VARCHAR(20),
    sector VARCHAR(50),
    regime VARCHAR(20) CHECK (regime IN ('bull', 'bear', 'sideways')),
    -- per cent of a move or gap, factor of a volatility
    amount DOUBLE PRECISION,
    from_time BIGINT NOT NULL,
    -- end of the last minute touched
    until_time BIGINT NOT NULL,
    PRIMARY KEY (scenario, place)
);

-- Halts of trade that the market has reached, one row a trading day: no bar is missing there.
CREATE TABLE stock_halt (
    symbol VARCHAR(20) NOT NULL,
    -- start of the first minute without trade
    from_time BIGINT NOT NULL,
    -- end of the last; it may lie ahead
    until_time BIGINT NOT NULL,
    PRIMARY KEY (symbol, from_time)
) WITHOUT ROWID;

-- Whether trade in the stock is halted at present.
ALTER TABLE stock_state ADD COLUMN is_halted BOOLEAN NOT NULL DEFAULT 0;
