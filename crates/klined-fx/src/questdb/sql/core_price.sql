CREATE TABLE IF NOT EXISTS core_price{suffix} (
    timestamp TIMESTAMP,
    symbol SYMBOL CAPACITY 15000,
    ecn SYMBOL,
    bid_price DOUBLE,
    bid_volume LONG,
    ask_price DOUBLE,
    ask_volume LONG,
    reason SYMBOL,
    indicator1 DOUBLE,
    indicator2 DOUBLE
) TIMESTAMP(timestamp) PARTITION BY HOUR{ttl:3 DAYS} WAL DEDUP UPSERT KEYS(timestamp, symbol)
