-- How much worse than the middle of the book takers trade, per pair and venue, in basis points.
WITH filled AS (
    SELECT t.symbol AS symbol, t.ecn AS ecn, t.side AS side, t.price AS price, t.quantity AS quantity,
        (m.best_bid + m.best_ask) / 2 AS mid
    FROM fx_trades t ASOF JOIN market_data m ON (symbol)
    WHERE NOT t.passive
)
SELECT symbol, ecn, count() AS fills,
    sum(quantity * CASE WHEN side = 'buy' THEN price - mid ELSE mid - price END / mid) / sum(quantity) * 10000 AS slippage_bps
FROM filled
WHERE mid IS NOT NULL
GROUP BY symbol, ecn
