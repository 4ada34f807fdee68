ALTER TABLE stock_metadata DROP COLUMN board;
ALTER TABLE stock_metadata DROP COLUMN is_st;
ALTER TABLE stock_metadata DROP COLUMN beta;
ALTER TABLE stock_metadata DROP COLUMN daily_turnover;
