-- How a market is, for psql on PostgreSQL 13 or newer; changes nothing:
--
--     psql -d happystock -f sql_scripts/monitoring.sql
--     psql -d happystock -v days=10 -v rows=50 -f sql_scripts/monitoring.sql
--
-- `days` is how many dates back from the newest bar are looked at (3), `rows` the most lines of a list (20). Bars are reached by the
-- primary key stock by stock and only in the newest partitions, so that it is quick however long the history. Times are
-- those of the market's clocks. klined_reader of roles.sql may run it; sessions of other users are seen whole by members of pg_monitor only.
\set QUIET on
\if :{?days}
\else
    \set days 3
\endif
\if :{?rows}
\else
    \set rows 20
\endif
SELECT (:'days' ~ '^[1-9][0-9]{0,3}$' AND :'rows' ~ '^[1-9][0-9]{0,5}$')::text AS are_numbers \gset
\if :are_numbers
\else
    -- psql has no status for \quit: what fails it is a statement that fails.
    \set ON_ERROR_STOP on
    \set VERBOSITY terse
    DO 'BEGIN RAISE ''days must be a whole number from 1 to 9999 and rows one from 1 to 999999''; END';
\endif
\pset footer off
\pset null '-'
SELECT coalesce((SELECT calendar FROM market_identity), 'sse') AS calendar \gset
-- The zone of the calendar's clocks, and the seconds before midnight at which a day begins.
SELECT zone, lead FROM (VALUES ('sse', 'Asia/Shanghai', 0), ('nyse', 'America/New_York', 0), ('24x7', 'UTC', 0),
    ('fx', 'America/New_York', 25200)) AS z (calendar, zone, lead) WHERE calendar = :'calendar' \gset
SET timezone = :'zone';

SELECT coalesce(max(last_update), 0) AS newest,
    coalesce(extract(epoch FROM date_trunc('day', to_timestamp(max(last_update) + :lead)) - make_interval(days => :days - 1))::bigint,
        0) AS since
FROM stock_state \gset

\echo
\echo '== Market =='
SELECT i.seed, i.model, i.calendar, s.is_trading, s.current_session AS session, s.last_update AS market_time,
    now() - s.last_update AS behind_the_clock, to_timestamp(s.session_start) AS session_start,
    to_timestamp(s.session_end) AS session_end, to_timestamp(i.retained_from) AS retained_from
FROM market_identity i FULL JOIN market_status s ON true;

\echo
\echo '== Bars by interval, of the last days looked at =='
SELECT n.interval, sum(c.bars) AS bars, count(*) FILTER (WHERE c.bars > 0) AS stocks, to_timestamp(min(c.earliest)) AS earliest,
    to_timestamp(max(c.latest)) AS latest
FROM unnest(ARRAY['1m', '5m', '15m', '30m', '60m', '120m', '1d', '1w', '1M']) WITH ORDINALITY AS n (interval, place)
CROSS JOIN rollup_watermark w
CROSS JOIN LATERAL (
    SELECT count(*) AS bars, min(k.time) AS earliest, max(k.time) AS latest
    FROM market_klines k
    WHERE k.symbol = w.symbol AND k.interval = n.interval AND k.time >= :since
) c
GROUP BY n.interval, n.place
ORDER BY n.place;

\echo
\echo '== Last prices, the largest changes first =='
SELECT s.symbol, m.name, s.current_price, r.change_percent, r.volume AS day_volume, s.market_state AS regime, s.is_halted,
    to_timestamp(s.last_update) AS last_minute
FROM stock_state s
LEFT JOIN stock_realtime_price r ON r.symbol = s.symbol
LEFT JOIN stock_metadata m ON m.symbol = s.symbol
ORDER BY abs(r.change_percent) DESC NULLS LAST, s.symbol
LIMIT :rows;

\echo
\echo '== Stocks by regime =='
SELECT market_state AS regime, count(*) AS stocks, count(*) FILTER (WHERE is_halted) AS halted,
    count(*) FILTER (WHERE last_update < :newest AND NOT is_halted) AS behind_the_newest
FROM stock_state
GROUP BY market_state
ORDER BY market_state;

-- PostgreSQL does not know the exchange's calendar. A date is taken for a trading day when any stock has a 1-minute bar on it; then
-- every stock listed on it should have all minutes of the sessions of a regular day, up to the newest bar of the market, but for its
-- halts. Days in New York may close early, so its days end with the last bar of any stock. What this cannot see: a date on which all bars are missing (it looks like a holiday), bars on a holiday, days before
-- those looked at, and whether the bars that are there are right. `klined verify` sees all of it.
\echo
\echo '== Missing minutes, of the last days looked at =='
WITH sessions AS (
    -- The first minute in seconds after midnight, and the number of minutes.
    SELECT opens, minutes
    FROM (VALUES ('sse', 34200, 120), ('sse', 46800, 120), ('nyse', 34200, 390), ('24x7', 0, 1440), ('fx', -25200, 1440))
        AS s (calendar, opens, minutes)
    WHERE calendar = :'calendar'
), dates AS (
    SELECT day::date AS day, extract(epoch FROM day)::bigint AS midnight, extract(epoch FROM day)::bigint - :lead AS begins
    FROM generate_series(to_timestamp(:since), to_timestamp(:newest + :lead), interval '1 day') AS day
    WHERE extract(epoch FROM day) - :lead >= coalesce((SELECT retained_from FROM market_identity), 0)
), trading_days AS (
    SELECT d.day, d.midnight, d.begins, CASE :'calendar' WHEN 'nyse' THEN (
        SELECT max(c.latest)
        FROM rollup_watermark w
        CROSS JOIN LATERAL (
            SELECT max(k.time) AS latest
            FROM market_klines k
            WHERE k.symbol = w.symbol AND k.interval = '1m' AND k.time >= d.begins AND k.time < d.begins + 86400
        ) c
    ) ELSE :newest END AS ends
    FROM dates d
    WHERE EXISTS (
        SELECT FROM rollup_watermark w
        WHERE EXISTS (
            SELECT FROM market_klines k
            WHERE k.symbol = w.symbol AND k.interval = '1m' AND k.time >= d.begins AND k.time < d.begins + 86400
        )
    )
), incomplete AS (
    SELECT l.symbol, d.day, d.midnight, d.ends
    FROM trading_days d
    JOIN stock_listing l ON d.day >= l.first_day AND d.day <= coalesce(l.last_day, d.day)
    CROSS JOIN LATERAL (
        SELECT count(*) AS bars
        FROM market_klines k
        WHERE k.symbol = l.symbol AND k.interval = '1m' AND k.time >= d.begins AND k.time < d.begins + 86400
    ) c
    WHERE c.bars < (SELECT sum(minutes) FROM sessions)
), missing AS (
    SELECT i.symbol, i.day, minute
    FROM incomplete i
    CROSS JOIN LATERAL (
        SELECT generate_series(i.midnight + s.opens, i.midnight + s.opens + (s.minutes - 1) * 60, 60)
        FROM sessions s
    ) AS m (minute)
    WHERE minute <= least(:newest, i.ends)
      AND NOT EXISTS (SELECT FROM market_klines k WHERE k.symbol = i.symbol AND k.interval = '1m' AND k.time = minute)
      AND NOT EXISTS (SELECT FROM stock_halt h
          WHERE h.symbol = i.symbol AND h.from_time <= minute AND minute < h.until_time)
)
SELECT symbol, day, count(*) AS missing, to_char(to_timestamp(min(minute)), 'HH24:MI') AS first,
    to_char(to_timestamp(max(minute)), 'HH24:MI') AS last, count(*) OVER () AS stock_days_in_all
FROM missing
GROUP BY symbol, day
ORDER BY day, symbol
LIMIT :rows;

\echo
\echo '== Roll-ups: how far they are behind, in stocks =='
SELECT count(*) AS stocks, count(*) FILTER (WHERE w.folded_to < s.last_update) AS behind,
    to_timestamp(min(nullif(w.folded_to, 0))) AS rolled_up_to, to_timestamp(max(s.last_update)) AS written_to,
    (SELECT count(*) FROM rollup_dirty) AS notes_of_changes, (SELECT count(*) FROM rollup_dirty WHERE claimed) AS being_repaired,
    (SELECT to_timestamp(min(time)) FROM rollup_dirty) AS earliest_change
FROM rollup_watermark w LEFT JOIN stock_state s ON s.symbol = w.symbol;

\echo
\echo '== Roll-ups: the newest bar of each interval =='
SELECT n.interval, to_timestamp(min(c.latest)) AS of_the_stock_furthest_behind, to_timestamp(max(c.latest)) AS of_the_newest,
    count(*) FILTER (WHERE c.latest IS NULL) AS stocks_without
FROM unnest(ARRAY['5m', '15m', '30m', '60m', '120m', '1d', '1w', '1M']) WITH ORDINALITY AS n (interval, place)
CROSS JOIN rollup_watermark w
JOIN stock_listing l ON l.symbol = w.symbol AND l.last_day IS NULL
CROSS JOIN LATERAL (
    SELECT max(k.time) AS latest
    FROM market_klines k
    WHERE k.symbol = w.symbol AND k.interval = n.interval AND k.time >= :newest - 40 * 86400
) c
GROUP BY n.interval, n.place
ORDER BY n.place;

\echo
\echo '== Partitions, the newest first =='
SELECT p.oid::regclass AS partition, pg_size_pretty(pg_relation_size(p.oid)) AS rows,
    pg_size_pretty(pg_indexes_size(p.oid)) AS indices, CASE WHEN p.reltuples >= 0 THEN p.reltuples::bigint END AS about_bars,
    s.n_dead_tup AS dead_rows, s.last_autoanalyze AS analysed
FROM pg_inherits i
JOIN pg_class p ON p.oid = i.inhrelid
LEFT JOIN pg_stat_user_tables s ON s.relid = p.oid
WHERE i.inhparent = 'market_klines'::regclass
ORDER BY p.relname DESC
LIMIT :rows;

\echo
\echo '== Who holds klined''s roles, or waits for them =='
-- The key's second half: the role, and above it the shard's number and how many there are, both 0 for the whole market.
SELECT n.role, l.granted, l.pid, a.usename AS "user", a.client_addr AS client, a.backend_start AS since,
    e.epoch AS times_taken
FROM pg_locks l
LEFT JOIN pg_stat_activity a ON a.pid = l.pid
CROSS JOIN LATERAL (
    SELECT concat_ws(' ',
        CASE l.objid::bigint & 255 WHEN 0 THEN 'migration' WHEN 1 THEN 'writer' WHEN 2 THEN 'aggregator' END,
        CASE WHEN l.objid::bigint >> 16 > 0
            THEN format('%s/%s', l.objid::bigint >> 8 & 255, l.objid::bigint >> 16) END) AS role
) n
LEFT JOIN role_epoch e ON e.role = n.role
-- "klnd" in ASCII, and the way from the schema public, which is 2200 everywhere, to that of the market
WHERE l.locktype = 'advisory' AND l.classid::bigint = (1802268260 - 2200
    + (SELECT relnamespace::bigint FROM pg_class WHERE oid = 'role_epoch'::regclass)) % 4294967296
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
ORDER BY l.objid, l.granted DESC;

\echo
\echo '== Connections to this database =='
SELECT application_name AS program, usename AS "user", state, count(*) AS connections,
    max(now() - xact_start) AS longest_transaction, count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting_for_locks
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
GROUP BY application_name, usename, state
ORDER BY connections DESC
LIMIT :rows;

\echo
\echo '== Scenario events ahead or going on =='
SELECT s.name AS scenario, e.kind, coalesce(e.symbol, e.sector, 'market') AS target, coalesce(e.regime, e.amount::text) AS what,
    to_timestamp(e.from_time) AS "from", to_timestamp(e.until_time) AS "until"
FROM scenario_event e JOIN market_scenario s ON s.id = e.scenario
WHERE e.until_time > :newest
ORDER BY e.from_time
LIMIT :rows;
