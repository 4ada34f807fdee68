SELECT 1::bigint, time, open, high, low, close, volume, turnover, trades
FROM market_klines
WHERE symbol = $1 AND interval = $2 AND time >= $3 AND time < $4
    AND volume >= $6
ORDER BY time
LIMIT $5
