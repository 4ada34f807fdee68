ALTER TABLE stock_realtime_price SET UNLOGGED;
COMMENT ON TABLE stock_realtime_price IS 'Last prices; empty after a server crash until the next minute is written';
ALTER TABLE rollup_dirty DROP COLUMN id;
