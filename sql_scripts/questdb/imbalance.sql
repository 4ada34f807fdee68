-- The bid's share of the size on five levels, per pair and second: above a half, buyers show more than sellers.
SELECT timestamp, symbol, avg(array_sum(bids[2]) / (array_sum(bids[2]) + array_sum(asks[2]))) AS bid_share
FROM market_data
SAMPLE BY 1s
