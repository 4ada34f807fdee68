-- In the list of results the arrays are unnested while they are read; in FROM each of them would be kept as a table first. The
-- volume is compared first, because it is what nearly always differs.
INSERT INTO market_klines AS k (symbol, interval, time, open, high, low, close, volume, turnover, trades)
SELECT unnest($1::text[]), unnest($2::text[]), unnest($3::bigint[]), unnest($4::numeric[]), unnest($5::numeric[]),
    unnest($6::numeric[]), unnest($7::numeric[]), unnest($8::bigint[]),
    unnest($9::numeric[]), unnest($10::bigint[])
ON CONFLICT (symbol, interval, time) DO UPDATE
SET open = EXCLUDED.open, high = EXCLUDED.high, low = EXCLUDED.low, close = EXCLUDED.close, volume = EXCLUDED.volume,
    turnover = EXCLUDED.turnover, trades = EXCLUDED.trades
WHERE (k.volume, k.turnover, k.trades, k.close, k.high, k.low, k.open)
    IS DISTINCT FROM (EXCLUDED.volume, EXCLUDED.turnover, EXCLUDED.trades, EXCLUDED.close, EXCLUDED.high, EXCLUDED.low, EXCLUDED.open)
