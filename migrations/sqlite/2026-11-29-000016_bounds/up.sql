-- What a stock earns a year, from -10 to 10, and the prices that it never leaves, in currency units. Stocks that are there have no drift
-- and no bounds.
ALTER TABLE stock_metadata ADD COLUMN drift REAL NOT NULL DEFAULT 0
    CHECK (typeof(drift) IN ('integer', 'real') AND drift >= -10 AND drift <= 10);
ALTER TABLE stock_metadata ADD COLUMN min_price REAL
    CHECK (min_price IS NULL OR (typeof(min_price) IN ('integer', 'real') AND min_price > 0 AND min_price < 9e999));
ALTER TABLE stock_metadata ADD COLUMN max_price REAL
    CHECK (max_price IS NULL OR (typeof(max_price) IN ('integer', 'real') AND max_price > 0 AND max_price < 9e999
        AND (min_price IS NULL OR min_price <= max_price)));
