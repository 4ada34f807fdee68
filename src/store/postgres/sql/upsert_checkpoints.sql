INSERT INTO model_checkpoint (symbol, day, opening)
SELECT symbol, day::date, opening FROM unnest($1::text[], $2::text[], $3::text[]) AS c (symbol, day, opening)
ON CONFLICT (symbol) DO UPDATE SET day = EXCLUDED.day, opening = EXCLUDED.opening, updated_at = now()
