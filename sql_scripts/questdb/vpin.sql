-- The volume-synchronised share of one-sided trading (Easley, López de Prado and O'Hara 2012) of EURUSD, in buckets of twenty million.
WITH flow AS (
    SELECT timestamp, quantity, side,
        cast(sum(quantity) OVER (ORDER BY timestamp ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) / 20000000 AS LONG) AS bucket
    FROM fx_trades
    WHERE symbol = 'EURUSD' AND NOT passive
)
SELECT bucket, min(timestamp) AS began,
    abs(sum(CASE WHEN side = 'buy' THEN quantity ELSE -quantity END)) / sum(quantity) AS vpin
FROM flow
GROUP BY bucket
ORDER BY bucket
