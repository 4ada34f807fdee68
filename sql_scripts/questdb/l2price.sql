-- What a buyer of five million pays on average, beside the best ask, per pair and minute.
SELECT timestamp, symbol, avg(l2price(5000000, asks[2], asks[1])) AS price, avg(best_ask) AS best_ask
FROM market_data
SAMPLE BY 1m
