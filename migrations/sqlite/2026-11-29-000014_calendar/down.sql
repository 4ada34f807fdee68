CREATE TABLE market_status_new (
    id INTEGER PRIMARY KEY DEFAULT 1 CHECK (id = 1),
    is_trading BOOLEAN NOT NULL,
    current_session VARCHAR(20) NOT NULL CHECK (current_session IN ('morning', 'afternoon', 'closed')),
    -- of the present session, or of the next one while closed
    session_start BIGINT NOT NULL,
    session_end BIGINT NOT NULL,
    last_update BIGINT NOT NULL
);
INSERT INTO market_status_new SELECT id, is_trading, current_session, session_start, session_end, last_update FROM market_status;
DROP TABLE market_status;
ALTER TABLE market_status_new RENAME TO market_status;
ALTER TABLE market_identity DROP COLUMN calendar;
