-- What a stock earns a year, and the prices that it never leaves. Stocks that are there have no drift and no bounds.
ALTER TABLE stock_metadata
    ADD COLUMN drift numeric(6,4) NOT NULL DEFAULT 0 CHECK (drift BETWEEN -10 AND 10),
    ADD COLUMN min_price numeric(10,2) CHECK (min_price > 0 AND min_price < 'NaN'),
    ADD COLUMN max_price numeric(10,2) CHECK (max_price > 0 AND max_price < 'NaN'),
    ADD CONSTRAINT metadata_bounds CHECK (min_price <= max_price);
COMMENT ON COLUMN stock_metadata.drift IS 'expected return, a fraction per year, from -10 to 10';
COMMENT ON COLUMN stock_metadata.min_price IS 'lowest price of every bar and tick, currency units; null without one';
COMMENT ON COLUMN stock_metadata.max_price IS 'highest price of every bar and tick, currency units; null without one';
COMMENT ON COLUMN stock_state.trend IS 'annual drift of the present regime and of the stock together';
