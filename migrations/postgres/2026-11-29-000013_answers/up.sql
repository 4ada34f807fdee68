-- What programs that were written for the first system expect: an instant where their models declare TIMESTAMP, and a stock's volatility
-- that need not be given.
ALTER TABLE market_status ALTER COLUMN last_update TYPE timestamptz USING to_timestamp(last_update);
COMMENT ON COLUMN market_status.last_update IS 'the instant up to which the market has come';
ALTER TABLE stock_metadata ALTER COLUMN base_volatility SET DEFAULT 0.02;
