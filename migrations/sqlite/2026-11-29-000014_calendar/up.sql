-- The hours that the market trades in. Markets that were made before had those of Shanghai.
ALTER TABLE market_identity ADD COLUMN calendar VARCHAR(20) NOT NULL DEFAULT 'sse';

-- A market without a lunch break has one session a day. SQLite changes no check in place.
CREATE TABLE market_status_new (
    id INTEGER PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    is_trading BOOLEAN NOT NULL,
    current_session VARCHAR(20) NOT NULL CHECK (current_session IN ('morning', 'afternoon', 'regular', 'closed')),
    -- of the present session, or of the next one while closed
    session_start BIGINT NOT NULL,
    session_end BIGINT NOT NULL,
    last_update BIGINT NOT NULL
);
INSERT INTO market_status_new SELECT id, is_trading, current_session, session_start, session_end, last_update FROM market_status;
DROP TABLE market_status;
ALTER TABLE market_status_new RENAME TO market_status;
