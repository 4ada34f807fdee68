-- Where the middle of the book is some time after a trade, seen from the taker, per venue and horizon, in basis points:
-- below zero the taker has paid for the spread, above zero the price has followed the trade.
WITH later AS (
    SELECT dateadd('s', 1, timestamp) AS at, 1 AS horizon_s, symbol, ecn, side, price FROM fx_trades WHERE NOT passive
    UNION ALL
    SELECT dateadd('s', 5, timestamp) AS at, 5 AS horizon_s, symbol, ecn, side, price FROM fx_trades WHERE NOT passive
    UNION ALL
    SELECT dateadd('s', 60, timestamp) AS at, 60 AS horizon_s, symbol, ecn, side, price FROM fx_trades WHERE NOT passive
),
ordered AS ((SELECT * FROM later ORDER BY at) TIMESTAMP(at)),
marked AS (
    SELECT o.ecn AS ecn, o.horizon_s AS horizon_s, o.side AS side, o.price AS price, (m.best_bid + m.best_ask) / 2 AS mid
    FROM ordered o ASOF JOIN market_data m ON (symbol)
)
SELECT ecn, horizon_s, count() AS fills,
    avg(CASE WHEN side = 'buy' THEN mid - price ELSE price - mid END / price) * 10000 AS markout_bps
FROM marked
WHERE mid IS NOT NULL
GROUP BY ecn, horizon_s
ORDER BY ecn, horizon_s
