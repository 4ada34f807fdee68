-- The hours that the market trades in. Markets that were made before had those of Shanghai.
ALTER TABLE market_identity ADD COLUMN calendar varchar(20) NOT NULL DEFAULT 'sse';
COMMENT ON COLUMN market_identity.calendar IS 'the hours that the market trades in, as klined calendar names them';

-- A market without a lunch break has one session a day.
ALTER TABLE market_status DROP CONSTRAINT market_status_current_session_check;
ALTER TABLE market_status ADD CONSTRAINT market_status_current_session_check
    CHECK (current_session IN ('morning', 'afternoon', 'regular', 'closed'));
COMMENT ON TABLE market_klines IS 'K-lines of every interval, partitioned by month of the market''s calendar (market_klines_YYYY_MM)';
