INSERT INTO stock_metadata
    (symbol, name, sector, base_price, base_volatility, board, is_st, beta, daily_turnover, is_active, drift,
    min_price, max_price)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::float8[], $6::text[], $7::bool[], $8::float8[],
    $9::float8[], $10::bool[], $11::float8[], $12::float8[], $13::float8[])
