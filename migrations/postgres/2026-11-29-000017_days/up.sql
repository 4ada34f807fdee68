-- Bars that are kept for a number of days: the month in which the horizon lies loses the bars before it, symbol after symbol.

DO $migration$
DECLARE
    place text := quote_ident(current_schema());
BEGIN
    EXECUTE replace($function$
CREATE FUNCTION @.klines_remove_days(after text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    horizon bigint := (SELECT retained_from FROM @.market_identity);
    next_symbol text := after;
BEGIN
    -- Where the horizon is the first instant of a month, no partition remains in which this looks for a bar.
    IF horizon IS NULL OR NOT EXISTS (SELECT FROM @.market_klines WHERE time < horizon) THEN
        RETURN NULL;
    END IF;
    -- Such bars are no change that is to be rolled up.
    PERFORM set_config('klined.clearing', 'on', true);
    FOR place IN 1..500 LOOP
        SELECT min(symbol) INTO next_symbol FROM @.market_klines WHERE symbol > next_symbol;
        EXIT WHEN next_symbol IS NULL;
        DELETE FROM @.market_klines WHERE symbol = next_symbol AND time < horizon;
    END LOOP;
    PERFORM set_config('klined.clearing', 'off', true);
    RETURN next_symbol;
END $$
$function$, '@', place);
END $migration$;

COMMENT ON FUNCTION klines_remove_days IS 'Removes the bars before market_identity.retained_from of at most 500 symbols after a symbol; gives the last of them, or null when none is left';
REVOKE EXECUTE ON FUNCTION klines_remove_days(text) FROM PUBLIC;
COMMENT ON COLUMN market_identity.retained_from IS 'start of the first day whose bars are kept, Unix seconds; null while all are. Earlier bars are not written again';
