-- Order flow imbalance (Cont, Kukanov and Stoikov 2014) of the best prices of EURUSD, per second, beside the change of the middle.
WITH steps AS (
    SELECT timestamp, best_bid, best_ask, bids[2][1] AS bid_size, asks[2][1] AS ask_size,
        lag(best_bid) OVER (ORDER BY timestamp) AS bid_before,
        lag(best_ask) OVER (ORDER BY timestamp) AS ask_before,
        lag(bids[2][1]) OVER (ORDER BY timestamp) AS bid_size_before,
        lag(asks[2][1]) OVER (ORDER BY timestamp) AS ask_size_before
    FROM market_data
    WHERE symbol = 'EURUSD'
)
SELECT timestamp,
    sum(
        CASE WHEN best_bid >= bid_before THEN bid_size ELSE 0 END - CASE WHEN best_bid <= bid_before THEN bid_size_before ELSE 0 END
        - CASE WHEN best_ask <= ask_before THEN ask_size ELSE 0 END + CASE WHEN best_ask >= ask_before THEN ask_size_before ELSE 0 END
    ) AS ofi,
    last((best_bid + best_ask) / 2) - first((bid_before + ask_before) / 2) AS mid_change
FROM steps
WHERE bid_before IS NOT NULL
SAMPLE BY 1s
