DROP TABLE stock_parameters;
