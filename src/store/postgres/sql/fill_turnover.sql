UPDATE market_klines k SET turnover = f.turnover, trades = f.trades
FROM (SELECT unnest($2::bigint[]) AS time, unnest($3::numeric[]) AS turnover, unnest($4::bigint[]) AS trades) f
WHERE k.symbol = $1 AND k.interval = '1m' AND k.time = f.time AND k.time >= $5 AND k.time <= $6
    AND k.turnover IS NULL AND k.trades IS NULL
