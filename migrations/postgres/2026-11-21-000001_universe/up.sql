-- What the full model and the exchanges' rules need to know of a stock. Rows that do not say are on no board, β 1, with the
-- turnover of a typical A-share.

ALTER TABLE stock_metadata
    ADD COLUMN board varchar(20) NOT NULL DEFAULT 'free'
        CHECK (board IN ('free', 'main', 'chinext', 'star', 'beijing')),
    ADD COLUMN is_st boolean NOT NULL DEFAULT false,
    ADD COLUMN beta numeric(6,4) NOT NULL DEFAULT 1
        CHECK (beta > 0 AND beta <= 5),
    ADD COLUMN daily_turnover numeric(16,2) NOT NULL DEFAULT 149000000
        CHECK (daily_turnover > 0 AND daily_turnover <= 10000000000000);
COMMENT ON COLUMN stock_metadata.base_price IS 'open of the first bar, currency units';
COMMENT ON COLUMN stock_metadata.board IS 'whose rules it trades by: free (none), main, chinext, star or beijing';
COMMENT ON COLUMN stock_metadata.is_st IS 'under special treatment, which may narrow its price limits';
COMMENT ON COLUMN stock_metadata.beta IS 'sensitivity to the market factor, above 0 and at most 5';
COMMENT ON COLUMN stock_metadata.daily_turnover IS 'typical value traded in a day, currency units';
