-- Sets up an empty PostgreSQL database without klined:
--
--     createdb happystock
--     psql -v ON_ERROR_STOP=1 -d happystock -f sql_scripts/create_market_data_tables.sql
--
-- It runs the very migrations that the daemons carry and records them as done. Partitions are made by the daemons
-- ahead of need, and an empty stock_metadata is filled at the first start with the universe that --universe names.
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

CREATE TABLE IF NOT EXISTS __diesel_schema_migrations (
    version varchar(50) PRIMARY KEY NOT NULL,
    run_on timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP
);
INSERT INTO __diesel_schema_migrations (version)
VALUES ('20261120000000'), ('20261121000001'), ('20261121000002'), ('20261121000003'),
    ('20261121000004'), ('20261121000005'), ('20261121000006'), ('20261121000007'), ('20261129000008'),
    ('20261129000009'), ('20261129000010');

COMMIT;
