CREATE TABLE rollup_dirty_after AS SELECT symbol, time, claimed FROM rollup_dirty;
DROP TABLE rollup_dirty;
CREATE TABLE rollup_dirty (
    symbol VARCHAR(20) NOT NULL,
    time BIGINT NOT NULL,
    claimed BOOLEAN NOT NULL DEFAULT 0
);
CREATE INDEX rollup_dirty_symbol ON rollup_dirty (symbol);
INSERT INTO rollup_dirty (symbol, time, claimed) SELECT symbol, time, claimed FROM rollup_dirty_after;
DROP TABLE rollup_dirty_after;
