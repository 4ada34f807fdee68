SELECT e.symbol
FROM unnest($1::text[], $2::bigint[]) AS e (symbol, instant)
WHERE EXISTS (SELECT FROM market_klines k WHERE k.symbol = e.symbol AND k.interval = '1m' AND k.time > e.instant)
