INSERT INTO stock_state (symbol, current_price, volatility, trend, market_state, last_update, is_halted)
SELECT unnest($1::text[]), unnest($2::numeric[]), unnest($3::float8[]), unnest($4::float8[]), unnest($5::text[]),
    unnest($6::bigint[]), unnest($7::bool[])
ON CONFLICT (symbol) DO UPDATE
SET current_price = EXCLUDED.current_price, volatility = EXCLUDED.volatility, trend = EXCLUDED.trend,
    market_state = EXCLUDED.market_state, last_update = EXCLUDED.last_update,
    is_halted = EXCLUDED.is_halted, updated_at = now()
