-- klined's own market: from the topics of market-relay into the tables. {bars} and {ticks} say where a topic is, and {format} is that of its
-- records. In a cluster every server reads a part of the partitions, and writes each row to the shard of its symbol.

-- Only the views below read these two: a record is given to one reader.
CREATE TABLE IF NOT EXISTS market_bars_kafka
(
    symbol String,
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
ENGINE = Kafka
SETTINGS {bars},
    kafka_handle_error_mode = 'stream',
    kafka_max_block_size = 65536,
    kafka_flush_interval_ms = 500,
    kafka_format = '{format}';

-- A quote has no side, price and shares, a trade no bid and ask: these are 0.
CREATE TABLE IF NOT EXISTS market_ticks_kafka
(
    symbol String,
    kind Enum8('quote' = 0, 'trade' = 1),
    time_ns Int64,
    id UInt64,
    side Enum8('none' = 0, 'buy' = 1, 'sell' = 2),
    price Decimal(10, 2),
    shares Int64,
    bid Decimal(10, 2),
    bid_shares Int64,
    ask Decimal(10, 2),
    ask_shares Int64
)
ENGINE = Kafka
SETTINGS {ticks},
    kafka_handle_error_mode = 'stream',
    kafka_max_block_size = 65536,
    kafka_flush_interval_ms = 500,
    kafka_format = '{format}';

CREATE MATERIALIZED VIEW IF NOT EXISTS market_bars_mv TO market_bars AS
SELECT symbol, time, open, high, low, close, volume, turnover, trades,
    start_5m, start_15m, start_30m, start_60m, start_120m, start_1d, start_1w, start_1M
FROM market_bars_kafka
WHERE _error = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS market_trades_mv TO market_trades AS
SELECT symbol, time_ns, id, price, shares, CAST(side AS Enum8('buy' = 1, 'sell' = 2)) AS side
FROM market_ticks_kafka
WHERE kind = 'trade'
    AND _error = '';

CREATE MATERIALIZED VIEW IF NOT EXISTS market_quotes_mv TO market_quotes AS
SELECT symbol, time_ns, id, bid, bid_shares, ask, ask_shares
FROM market_ticks_kafka
WHERE kind = 'quote'
    AND _error = '';

-- Records that are no bars and no ticks.
CREATE TABLE IF NOT EXISTS market_records_refused
(
    topic String,
    kafka_partition UInt32,
    kafka_offset UInt64,
    error String,
    record String
)
ENGINE = MergeTree
ORDER BY (topic, kafka_partition, kafka_offset);

CREATE MATERIALIZED VIEW IF NOT EXISTS market_bars_refused_mv TO market_records_refused AS
SELECT _topic AS topic, toUInt32(_partition) AS kafka_partition, _offset AS kafka_offset, _error AS error, _raw_message AS record
FROM market_bars_kafka
WHERE _error != '';

CREATE MATERIALIZED VIEW IF NOT EXISTS market_ticks_refused_mv TO market_records_refused AS
SELECT _topic AS topic, toUInt32(_partition) AS kafka_partition, _offset AS kafka_offset, _error AS error, _raw_message AS record
FROM market_ticks_kafka
WHERE _error != '';
