-- klined's own market in ClickHouse: bars, trades and quotes, and bars of longer intervals.
--
-- `market-relay clickhouse-setup` runs the scripts market_tables.sql, market_cluster.sql (with --cluster) and market_topics.sql in this order,
-- in the database that it is given. Every statement may be run again: existing tables and views stay unchanged. The program puts these in:
-- {engine TABLE} is ReplacingMergeTree or its Replicated variant, {suffix} is _local in a cluster and else nothing, and a statement with
-- {interval} is run for each interval that klined rolls up.
-- Written for ClickHouse 24 and later. The tests run the scripts on 26.1, and the cluster on 18.16 without the settings and virtual columns
-- of the Kafka engine that 18.16 does not have.

-- The 1-minute bars. A consumer that was killed may store a bar twice. Both rows are equal, and FINAL gives one of them. A start is the
-- first instant of the longer bar that the minute belongs to, as the market's calendar has it: no bar crosses a break between sessions.
CREATE TABLE IF NOT EXISTS market_bars{suffix}
(
    symbol LowCardinality(String),
    time Int64,
    open Decimal(10, 2),
    high Decimal(10, 2),
    low Decimal(10, 2),
    close Decimal(10, 2),
    volume Int64,
    turnover Nullable(Decimal(18, 2)),
    trades Nullable(Int64),
    start_5m Int64,
    start_15m Int64,
    start_30m Int64,
    start_60m Int64,
    start_120m Int64,
    start_1d Int64,
    start_1w Int64,
    start_1M Int64
)
ENGINE = {engine market_bars}
PARTITION BY toYYYYMM(toDateTime(time, 'UTC'))
ORDER BY (symbol, time);

-- The bars of an interval, from the minutes each time they are read: so they are right while minutes come in, and with minutes that came
-- twice. A filter by symbol, and one by time, reads only a part of the minutes.
CREATE VIEW IF NOT EXISTS market_bars_{interval}{suffix} AS
SELECT
    symbol,
    start AS time,
    argMin(o, minute) AS open,
    max(h) AS high,
    min(l) AS low,
    argMax(c, minute) AS close,
    sum(v) AS volume,
    if(count(tu) = count(), sum(tu), NULL) AS turnover,
    if(count(tr) = count(), sum(tr), NULL) AS trades
FROM
(
    SELECT symbol, time AS minute, start_{interval} AS start, open AS o, high AS h, low AS l, close AS c, volume AS v, turnover AS tu, trades AS tr
    FROM market_bars{suffix} FINAL
)
GROUP BY symbol, start;

-- A trade's number is unique for its symbol and grows with time. The time is in nanoseconds since 1970.
CREATE TABLE IF NOT EXISTS market_trades{suffix}
(
    symbol LowCardinality(String),
    time_ns Int64,
    id UInt64,
    price Decimal(10, 2),
    shares Int64,
    side Enum8('buy' = 1, 'sell' = 2)
)
ENGINE = {engine market_trades}
PARTITION BY toYYYYMM(toDateTime(intDiv(time_ns, 1000000000), 'UTC'))
ORDER BY (symbol, id);

-- The best bid and ask since an instant. A price of 0 with 0 shares stands for a side that price limits leave empty.
CREATE TABLE IF NOT EXISTS market_quotes{suffix}
(
    symbol LowCardinality(String),
    time_ns Int64,
    id UInt64,
    bid Decimal(10, 2),
    bid_shares Int64,
    ask Decimal(10, 2),
    ask_shares Int64
)
ENGINE = {engine market_quotes}
PARTITION BY toYYYYMM(toDateTime(intDiv(time_ns, 1000000000), 'UTC'))
ORDER BY (symbol, id);
