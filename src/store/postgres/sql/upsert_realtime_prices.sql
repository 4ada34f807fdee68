INSERT INTO stock_realtime_price (symbol, current_price, change_percent, volume, last_update)
SELECT * FROM unnest($1::text[], $2::numeric[], $3::float8[], $4::bigint[], $5::bigint[])
ON CONFLICT (symbol) DO UPDATE
SET current_price = EXCLUDED.current_price, change_percent = EXCLUDED.change_percent, volume = EXCLUDED.volume,
    last_update = EXCLUDED.last_update, updated_at = now()
