INSERT INTO rollup_watermark (symbol) SELECT unnest($1::text[]) ON CONFLICT DO NOTHING
