DROP FUNCTION klines_make_partition(text, bigint, bigint);
DROP FUNCTION klines_drop_partition();
ALTER TABLE market_identity DROP COLUMN retained_from;
