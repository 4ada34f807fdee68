-- Every table has a primary key, as on PostgreSQL.
CREATE TABLE rollup_dirty_before AS SELECT symbol, time, claimed FROM rollup_dirty;
DROP TABLE rollup_dirty;
-- 1-minute bars that came late or were changed after they had been rolled up.
CREATE TABLE rollup_dirty (
    symbol VARCHAR(20) NOT NULL,
    time BIGINT NOT NULL,
    claimed BOOLEAN NOT NULL DEFAULT 0,
    -- names the row; a bar may be noted more than once
    id INTEGER PRIMARY KEY NOT NULL
);
CREATE INDEX rollup_dirty_symbol ON rollup_dirty (symbol);
INSERT INTO rollup_dirty (symbol, time, claimed) SELECT symbol, time, claimed FROM rollup_dirty_before;
DROP TABLE rollup_dirty_before;
