INSERT INTO stock_realtime_price (symbol, current_price, change_percent, volume, last_update)
SELECT unnest($1::text[]), unnest($2::numeric[]), unnest($3::float8[]), unnest($4::bigint[]), unnest($5::bigint[])
ON CONFLICT (symbol) DO UPDATE
SET current_price = EXCLUDED.current_price, change_percent = EXCLUDED.change_percent, volume = EXCLUDED.volume,
    last_update = EXCLUDED.last_update, updated_at = now()
