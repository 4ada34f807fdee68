-- The best prices of each pair at the end of each second.
SELECT timestamp, symbol, last(bids[1][1]) AS bid, last(asks[1][1]) AS ask
FROM market_data
SAMPLE BY 1s
