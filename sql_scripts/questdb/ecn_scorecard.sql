-- Venues side by side: fills, volume, mean size, the share of passive fills.
SELECT ecn, count() AS fills, sum(quantity) AS volume, avg(quantity) AS mean_quantity,
    avg(CASE WHEN passive THEN 1.0 ELSE 0.0 END) AS passive_share
FROM fx_trades
GROUP BY ecn
ORDER BY volume DESC
