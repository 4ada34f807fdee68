ALTER TABLE stock_metadata
    DROP CONSTRAINT metadata_bounds,
    DROP COLUMN drift, DROP COLUMN min_price, DROP COLUMN max_price;
COMMENT ON COLUMN stock_state.trend IS 'annual drift of the present regime';
