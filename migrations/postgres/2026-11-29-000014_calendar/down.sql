ALTER TABLE market_status DROP CONSTRAINT market_status_current_session_check;
ALTER TABLE market_status ADD CONSTRAINT market_status_current_session_check
    CHECK (current_session IN ('morning', 'afternoon', 'closed'));
COMMENT ON TABLE market_klines IS 'K-lines of every interval, partitioned by month in Asia/Shanghai (market_klines_YYYY_MM)';
ALTER TABLE market_identity DROP COLUMN calendar;
