INSERT INTO rollup_dirty (symbol, time)
SELECT i.symbol, i.time FROM unnest($1::text[], $2::bigint[]) AS i (symbol, time)
WHERE NOT EXISTS (SELECT FROM rollup_watermark w WHERE w.symbol = i.symbol AND w.folded_to < i.time)
