-- Logical replication names a row by its primary key: without one an UPDATE of a table in a publication is refused.
ALTER TABLE rollup_dirty ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
COMMENT ON COLUMN rollup_dirty.id IS 'names the row; a bar may be noted more than once';

-- A standby can read no table without a log, and a crash empties it.
ALTER TABLE stock_realtime_price SET LOGGED;
COMMENT ON TABLE stock_realtime_price IS 'Last prices';
