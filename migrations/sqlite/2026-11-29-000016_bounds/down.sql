ALTER TABLE stock_metadata DROP COLUMN max_price;
ALTER TABLE stock_metadata DROP COLUMN min_price;
ALTER TABLE stock_metadata DROP COLUMN drift;
