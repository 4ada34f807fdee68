COMMENT ON COLUMN stock_metadata.base_price IS NULL;
ALTER TABLE stock_metadata DROP COLUMN board, DROP COLUMN is_st, DROP COLUMN beta, DROP COLUMN daily_turnover;
