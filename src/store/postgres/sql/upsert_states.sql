INSERT INTO stock_state (symbol, current_price, volatility, trend, market_state, last_update, is_halted)
SELECT * FROM unnest($1::text[], $2::numeric[], $3::float8[], $4::float8[], $5::text[], $6::bigint[],
    $7::bool[])
ON CONFLICT (symbol) DO UPDATE
SET current_price = EXCLUDED.current_price, volatility = EXCLUDED.volatility, trend = EXCLUDED.trend,
    market_state = EXCLUDED.market_state, last_update = EXCLUDED.last_update,
    is_halted = EXCLUDED.is_halted, updated_at = now()
