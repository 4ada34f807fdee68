ALTER TABLE stock_metadata ALTER COLUMN base_volatility DROP DEFAULT;
COMMENT ON COLUMN market_status.last_update IS NULL;
ALTER TABLE market_status ALTER COLUMN last_update TYPE bigint USING extract(epoch FROM last_update)::bigint;
