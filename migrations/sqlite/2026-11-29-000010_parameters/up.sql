-- What each stock's bars were made with, and from which day on, so that every bar can be made again after an edit of stock_metadata:
-- a row for its first day and one for each day on which the parameters had changed.
CREATE TABLE stock_parameters (
    symbol VARCHAR(20) NOT NULL,
    first_day DATE NOT NULL,
    -- JSON, as in model_checkpoint.opening
    parameters TEXT NOT NULL,
    PRIMARY KEY (symbol, first_day)
) WITHOUT ROWID;

-- Markets that were made before this table knew only the present parameters; they are taken for those of every day.
INSERT INTO stock_parameters (symbol, first_day, parameters)
SELECT c.symbol, min(l.first_day), json_extract(c.opening, '$.parameters')
FROM model_checkpoint c JOIN stock_listing l ON l.symbol = c.symbol
GROUP BY c.symbol;
