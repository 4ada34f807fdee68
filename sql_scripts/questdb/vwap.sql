-- The volume-weighted average price of trades, per pair and minute, with the range of prices.
SELECT timestamp, symbol,
    sum(price * quantity) / sum(quantity) AS vwap,
    min(price) AS low,
    max(price) AS high,
    sum(quantity) AS volume
FROM fx_trades
SAMPLE BY 1m
