INSERT INTO stock_halt (symbol, from_time, until_time)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[])
ON CONFLICT (symbol, from_time) DO UPDATE SET until_time = EXCLUDED.until_time
