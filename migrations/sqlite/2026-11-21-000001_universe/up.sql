-- What the full model and the exchanges' rules need to know of a stock. Rows that do not say are on no board, β 1, with the
-- turnover of a typical A-share.

-- whose rules it trades by
ALTER TABLE stock_metadata ADD COLUMN board VARCHAR(20) NOT NULL DEFAULT 'free'
    CHECK (board IN ('free', 'main', 'chinext', 'star', 'beijing'));
-- under special treatment, which may narrow its price limits
ALTER TABLE stock_metadata ADD COLUMN is_st BOOLEAN NOT NULL DEFAULT 0
    CHECK (is_st IN (0, 1));
-- sensitivity to the market factor
ALTER TABLE stock_metadata ADD COLUMN beta NUMERIC(6,4) NOT NULL DEFAULT 1
    CHECK (typeof(beta) IN ('integer', 'real') AND beta > 0 AND beta <= 5);
-- typical value traded in a day, currency units
ALTER TABLE stock_metadata ADD COLUMN daily_turnover NUMERIC(16,2) NOT NULL DEFAULT 149000000
    CHECK (typeof(daily_turnover) IN ('integer', 'real') AND daily_turnover > 0 AND daily_turnover <= 10000000000000);
