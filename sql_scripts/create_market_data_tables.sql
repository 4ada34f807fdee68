-- Sets up an empty PostgreSQL database without klined:
--
--     createdb happystock
--     psql -v ON_ERROR_STOP=1 -d happystock -f sql_scripts/create_market_data_tables.sql
--
-- It runs the very migrations that the daemons carry and records them as done, and fills in the stocks of the universe `demo`. Partitions
-- are made by the daemons ahead of need. create_market_data_tables_sqlite.sql is the same for SQLite.
\set ON_ERROR_STOP on
BEGIN;

\ir ../migrations/postgres/2026-11-20-000000_market/up.sql
\ir ../migrations/postgres/2026-11-21-000001_universe/up.sql
\ir ../migrations/postgres/2026-11-21-000002_scenarios/up.sql
\ir ../migrations/postgres/2026-11-21-000003_retention/up.sql
\ir ../migrations/postgres/2026-11-21-000004_clock/up.sql
\ir ../migrations/postgres/2026-11-21-000005_months/up.sql
\ir ../migrations/postgres/2026-11-21-000006_room/up.sql
\ir ../migrations/postgres/2026-11-21-000007_updates/up.sql
\ir ../migrations/postgres/2026-11-29-000008_trust/up.sql
\ir ../migrations/postgres/2026-11-29-000009_keys/up.sql
\ir ../migrations/postgres/2026-11-29-000010_parameters/up.sql
\ir ../migrations/postgres/2026-11-29-000011_finite/up.sql
\ir ../migrations/postgres/2026-11-29-000012_checked/up.sql
\ir ../migrations/postgres/2026-11-29-000013_answers/up.sql
\ir ../migrations/postgres/2026-11-29-000014_calendar/up.sql
\ir ../migrations/postgres/2026-11-29-000015_turnover/up.sql
\ir ../migrations/postgres/2026-11-29-000016_bounds/up.sql
\ir ../migrations/postgres/2026-11-29-000017_days/up.sql

CREATE TABLE IF NOT EXISTS __diesel_schema_migrations (
    version varchar(50) PRIMARY KEY NOT NULL,
    run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO __diesel_schema_migrations (version)
VALUES ('20261120000000'), ('20261121000001'), ('20261121000002'), ('20261121000003'),
    ('20261121000004'), ('20261121000005'), ('20261121000006'), ('20261121000007'), ('20261129000008'),
    ('20261129000009'), ('20261129000010'), ('20261129000011'), ('20261129000012'), ('20261129000013'),
    ('20261129000014'), ('20261129000015'), ('20261129000016'), ('20261129000017');

-- The universe `demo` and the status of a market that has not begun. For another universe leave the stocks out.
INSERT INTO stock_metadata (symbol, name, sector, base_price, base_volatility, daily_turnover) VALUES
    ('AAPL', 'Apple Inc.', 'Technology', 150.00, 0.025, 7500000000),
    ('TSLA', 'Tesla Inc.', 'Automotive', 200.00, 0.035, 20000000000),
    ('MSFT', 'Microsoft Corporation', 'Technology', 300.00, 0.020, 6600000000),
    ('AMZN', 'Amazon.com Inc.', 'E-commerce', 130.00, 0.028, 5900000000),
    ('GOOGL', 'Alphabet Inc.', 'Technology', 140.00, 0.022, 3800000000),
    ('META', 'Meta Platforms Inc.', 'Technology', 350.00, 0.030, 5300000000),
    ('NVDA', 'NVIDIA Corporation', 'Technology', 450.00, 0.032, 20000000000),
    ('BRK.B', 'Berkshire Hathaway Inc.', 'Finance', 380.00, 0.015, 1300000000),
    ('JPM', 'JPMorgan Chase & Co.', 'Finance', 160.00, 0.018, 1500000000),
    ('V', 'Visa Inc.', 'Finance', 250.00, 0.020, 1600000000);
INSERT INTO market_status (id, is_trading, current_session, session_start, session_end, last_update)
VALUES (1, false, 'closed', 0, 0, to_timestamp(0));

COMMIT;
