-- Events that were forced upon the market. Times are Unix seconds.

CREATE TABLE market_scenario (
    id integer PRIMARY KEY,
    name varchar(64) NOT NULL UNIQUE,
    definition text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE market_scenario IS 'The scenarios applied to this market, in order; part of its identity from then on';
COMMENT ON COLUMN market_scenario.definition IS 'the events as the file gave them, one a line';

CREATE TABLE scenario_event (
    scenario integer NOT NULL REFERENCES market_scenario (id),
    place integer NOT NULL,
    kind varchar(20) NOT NULL CHECK (kind IN ('regime', 'move', 'halt', 'gap', 'volatility')),
    symbol varchar(20),
    sector varchar(50),
    regime varchar(20) CHECK (regime IN ('bull', 'bear', 'sideways')),
    amount double precision,
    from_time bigint NOT NULL,
    until_time bigint NOT NULL,
    PRIMARY KEY (scenario, place)
);
COMMENT ON TABLE scenario_event IS 'What the scenarios do; without symbol and sector an event is for the whole market';
COMMENT ON COLUMN scenario_event.amount IS 'per cent of a move or gap, factor of a volatility';
COMMENT ON COLUMN scenario_event.until_time IS 'end of the last minute touched';

CREATE TABLE stock_halt (
    symbol varchar(20) NOT NULL,
    from_time bigint NOT NULL,
    until_time bigint NOT NULL,
    PRIMARY KEY (symbol, from_time)
);
COMMENT ON TABLE stock_halt IS 'Halts of trade that the market has reached, one row a trading day: no bar is missing there';
COMMENT ON COLUMN stock_halt.from_time IS 'start of the first minute without trade';
COMMENT ON COLUMN stock_halt.until_time IS 'end of the last; it may lie ahead';

ALTER TABLE stock_state ADD COLUMN is_halted boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN stock_state.is_halted IS 'whether trade in the stock is halted at present';
COMMENT ON COLUMN market_status.is_trading IS 'false while closed, and while trade in the whole market is halted';
