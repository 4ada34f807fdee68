-- Removes old months by hand, on PostgreSQL 13 or newer, as the owner of klined's tables:
--
--     psql -d happystock -v keep_months=12 -f sql_scripts/retention.sql                   -- shows what would go
--     psql -d happystock -v keep_months=12 -v drop=yes -f sql_scripts/retention.sql       -- removes it for good
--
-- keep_months full months before the month of the newest bar stay. It does what --retain-months N does: bars of every interval go
-- with their month's partition, `klined verify` expects none before the horizon from then on, and the daemons may be running. A
-- week that begins in the last month removed goes with it. Each partition is dropped in a transaction of its own; one that is
-- being read for longer than 5 s ends the script, which may then be run again. For an archive dump the partitions shown first:
--
--     pg_dump -d happystock -Fc -t market_klines_2026_01 -f 2026_01.dump
--
-- A variable that is missing or wrong ends it with an error and psql's status 3, and nothing is removed.
\set ON_ERROR_STOP on
\set QUIET on
\set VERBOSITY terse
\if :{?keep_months}
\else
    -- psql has no status for \quit: what fails it is a statement that fails.
    DO 'BEGIN RAISE ''say how many full months to keep: -v keep_months=12''; END';
\endif
\if :{?drop}
\else
    \set drop no
\endif
SELECT (:'drop' IN ('yes', 'no'))::text AS is_answer \gset
\if :is_answer
\else
    DO 'BEGIN RAISE ''drop must be yes or no''; END';
\endif
SET lock_timeout = '5s';

SELECT (:'keep_months' ~ '^[0-9]{1,4}$' AND :'keep_months' NOT IN ('0', '00', '000', '0000'))::text AS is_number \gset
\if :is_number
\else
    DO 'BEGIN RAISE ''keep_months must be a whole number from 1 to 9999''; END';
\endif

-- The zone of the clocks of the market's calendar, and the seconds before midnight at which a day begins.
SELECT zone, lead FROM (VALUES ('sse', 'Asia/Shanghai', 0), ('nyse', 'America/New_York', 0), ('24x7', 'UTC', 0),
    ('fx', 'America/New_York', 25200)) AS z (calendar, zone, lead)
WHERE calendar = coalesce((SELECT calendar FROM market_identity), 'sse') \gset
SELECT extract(epoch FROM (date_trunc('month', to_timestamp(max(last_update) + :lead) AT TIME ZONE :'zone')
        - make_interval(months => :keep_months)) AT TIME ZONE :'zone')::bigint - :lead AS horizon,
    (max(last_update) IS NOT NULL)::text AS has_bars
FROM stock_state \gset
\if :has_bars
\else
    \echo 'the market has no bars'
    \quit
\endif

\echo '== Partitions before the horizon =='
SELECT to_timestamp(:horizon) AT TIME ZONE :'zone' AS horizon, p.oid::regclass AS partition,
    pg_size_pretty(pg_total_relation_size(p.oid)) AS size, greatest(p.reltuples, 0)::bigint AS about_rows
FROM pg_inherits i
JOIN pg_class p ON p.oid = i.inhrelid
WHERE i.inhparent = 'market_klines'::regclass
  AND substring(pg_get_expr(p.relpartbound, p.oid) FROM 'TO \(''(-?[0-9]+)''\)')::bigint <= :horizon
ORDER BY p.relname;

SELECT (:'drop' = 'yes')::text AS is_meant \gset
\if :is_meant
\else
    \echo 'Nothing was removed; say -v drop=yes to do it.'
    \quit
\endif

-- The horizon first, once nobody is writing by the old one: from then on neither daemon writes before it.
BEGIN;
SELECT count(*) AS roles FROM (SELECT FROM role_epoch FOR UPDATE) r \gset
UPDATE market_identity SET retained_from = :horizon WHERE retained_from IS NULL OR retained_from < :horizon;
COMMIT;

-- One statement a partition, each its own transaction.
SELECT 'SELECT klines_drop_partition() AS removed'
FROM pg_inherits i
JOIN pg_class p ON p.oid = i.inhrelid
WHERE i.inhparent = 'market_klines'::regclass
  AND substring(pg_get_expr(p.relpartbound, p.oid) FROM 'TO \(''(-?[0-9]+)''\)')::bigint <= :horizon \gexec
\echo 'Done.'
