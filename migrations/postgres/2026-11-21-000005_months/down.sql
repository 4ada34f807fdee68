DROP FUNCTION klines_clear_month(text);
DROP FUNCTION klines_begin_month(text, bigint, bigint, text);
DROP FUNCTION klines_end_month(text);
DROP FUNCTION klines_attach_month(text, text, bigint, bigint, text);
