-- The average spread of each pair and minute, in basis points of the price.
SELECT timestamp, symbol, avg((best_ask - best_bid) / ((best_ask + best_bid) / 2)) * 10000 AS spread_bps
FROM market_data
SAMPLE BY 1m
