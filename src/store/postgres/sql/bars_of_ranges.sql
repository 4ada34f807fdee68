SELECT r.range, k.time, k.open, k.high, k.low, k.close, k.volume, k.turnover, k.trades
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
    WITH ORDINALITY AS r (symbol, interval, since, until, range)
CROSS JOIN LATERAL (
    SELECT time, open, high, low, close, volume, turnover, trades
    FROM market_klines
    WHERE symbol = r.symbol AND interval = r.interval AND time >= r.since AND time < r.until
        AND time >= $6 AND time < $7
        AND volume >= $8
    ORDER BY time
    LIMIT $5
) AS k
ORDER BY r.range, k.time
LIMIT $5
