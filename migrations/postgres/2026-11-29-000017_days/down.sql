COMMENT ON COLUMN market_identity.retained_from IS 'start of the first month whose bars are kept, Unix seconds; null while all are. Earlier bars are not written again';
DROP FUNCTION klines_remove_days(text);
