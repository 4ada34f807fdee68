DROP FUNCTION klines_clear_month(text);
DROP FUNCTION klines_begin_month(bigint, bigint, text);
DROP FUNCTION klines_attach_month(text, bigint, bigint, text);
