-- Order events of an exchange: from a topic of Kafka into tables, and the last prices of each symbol.
--
-- `exchange-producer clickhouse-setup` runs these statements, each ended by a semicolon at a line's end, in the database that it is given. It
-- puts the topic's address where `{kafka}` stands. Every statement may be run again: what is there already stays as it is.
-- Written for ClickHouse 24 and later, run on 26.1. Earlier servers lack `_headers` or `_key` of the Kafka engine, without which neither a
-- record's day nor its symbol is known.

-- What the topic has. Only the view below reads it: a record is given to one reader.
CREATE TABLE IF NOT EXISTS exchange_events_kafka
(
    ts_ns UInt64,
    type UInt8,
    side UInt8,
    price_ticks Int32,
    qty UInt32,
    order_id UInt64
)
ENGINE = Kafka
SETTINGS {kafka},
    kafka_format = 'RowBinary',
    kafka_handle_error_mode = 'stream',
    kafka_max_block_size = 65536,
    kafka_flush_interval_ms = 500;

-- Every event. The partitions are months: with one for each symbol and day a block of many short days would have more partitions than
-- an insert may have. A consumer that was killed may store records once more. Such rows have the same kafka_partition and kafka_offset, see
-- v_exchange_events.
CREATE TABLE IF NOT EXISTS exchange_events
(
    ts_ns UInt64,
    type UInt8,
    side UInt8,
    price_ticks Int32,
    qty UInt32,
    order_id UInt64,
    type_name LowCardinality(String),
    symbol LowCardinality(String),
    date Date,
    session String,
    kafka_partition UInt32,
    kafka_offset UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(date)
ORDER BY (symbol, date, ts_ns, order_id);

-- The date is the session's, from the record's header, not the day on which the record came.
CREATE MATERIALIZED VIEW IF NOT EXISTS exchange_events_mv TO exchange_events AS
SELECT
    ts_ns,
    type,
    side,
    price_ticks,
    qty,
    order_id,
    transform(type, [0, 1, 2, 3, 4, 5],
        ['ADD_BID', 'ADD_ASK', 'CANCEL_BID', 'CANCEL_ASK', 'EXECUTE_BUY', 'EXECUTE_SELL'], 'UNKNOWN') AS type_name,
    _key AS symbol,
    toDateOrZero(_headers.value[indexOf(_headers.name, 'day')]) AS date,
    _headers.value[indexOf(_headers.name, 'session')] AS session,
    toUInt32(_partition) AS kafka_partition,
    _offset AS kafka_offset
FROM exchange_events_kafka
WHERE _error = '';

-- Records that are no events.
CREATE TABLE IF NOT EXISTS exchange_events_refused
(
    kafka_partition UInt32,
    kafka_offset UInt64,
    key String,
    error String,
    record String
)
ENGINE = MergeTree
ORDER BY (kafka_partition, kafka_offset);

CREATE MATERIALIZED VIEW IF NOT EXISTS exchange_events_refused_mv TO exchange_events_refused AS
SELECT toUInt32(_partition) AS kafka_partition, _offset AS kafka_offset, _key AS key, _error AS error, _raw_message AS record
FROM exchange_events_kafka
WHERE _error != '';

-- The prices of the last executions: a seller hits the bid, a buyer takes the ask. Last is what is last in the market's own time, across
-- days, however fast or late records come in.
CREATE TABLE IF NOT EXISTS current_bbo
(
    symbol LowCardinality(String),
    last_bid AggregateFunction(argMax, Nullable(Int32), Tuple(Date, UInt64, UInt64)),
    last_ask AggregateFunction(argMax, Nullable(Int32), Tuple(Date, UInt64, UInt64))
)
ENGINE = AggregatingMergeTree
ORDER BY symbol;

CREATE MATERIALIZED VIEW IF NOT EXISTS current_bbo_mv TO current_bbo AS
SELECT
    symbol,
    argMaxState(if(type = 5, price_ticks, NULL), (date, ts_ns, order_id)) AS last_bid,
    argMaxState(if(type = 4, price_ticks, NULL), (date, ts_ns, order_id)) AS last_ask
FROM exchange_events
WHERE type IN (4, 5)
GROUP BY symbol;

CREATE VIEW IF NOT EXISTS v_current_midprice AS
SELECT
    symbol,
    argMaxMerge(last_bid) AS best_bid_ticks,
    argMaxMerge(last_ask) AS best_ask_ticks,
    (best_bid_ticks + best_ask_ticks) / 2 AS midprice_ticks
FROM current_bbo
GROUP BY symbol;

-- Every event once, also where a consumer has stored records twice.
CREATE VIEW IF NOT EXISTS v_exchange_events AS
SELECT ts_ns, type, side, price_ticks, qty, order_id, type_name, symbol, date, session
FROM exchange_events
ORDER BY symbol, date, ts_ns, order_id
LIMIT 1 BY kafka_partition, kafka_offset;
