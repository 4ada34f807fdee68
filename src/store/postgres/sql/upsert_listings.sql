INSERT INTO stock_listing (symbol, first_day, last_day)
SELECT symbol, first_day::date, last_day::date
FROM unnest($1::text[], $2::text[], $3::text[]) AS l (symbol, first_day, last_day)
ON CONFLICT (symbol, first_day) DO UPDATE SET last_day = EXCLUDED.last_day
