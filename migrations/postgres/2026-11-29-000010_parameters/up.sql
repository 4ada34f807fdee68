-- What each stock's bars were made with, and from which day on, so that every bar can be made again after an edit of stock_metadata.

CREATE TABLE stock_parameters (
    symbol varchar(20) NOT NULL,
    first_day date NOT NULL,
    parameters text NOT NULL,
    PRIMARY KEY (symbol, first_day)
);
COMMENT ON TABLE stock_parameters IS 'The parameters of each stock as its days opened with them: a row for its first day and one for each day on which they had changed';
COMMENT ON COLUMN stock_parameters.parameters IS 'JSON, as in model_checkpoint.opening';

-- Markets that were made before this table knew only the present parameters; they are taken for those of every day.
INSERT INTO stock_parameters (symbol, first_day, parameters)
SELECT c.symbol, min(l.first_day), (c.opening::json -> 'parameters')::text
FROM model_checkpoint c JOIN stock_listing l ON l.symbol = c.symbol
GROUP BY c.symbol, c.opening;
