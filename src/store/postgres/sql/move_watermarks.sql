UPDATE rollup_watermark w SET folded_to = f.folded_to
FROM unnest($1::text[], $2::bigint[]) AS f (symbol, folded_to)
WHERE w.symbol = f.symbol
