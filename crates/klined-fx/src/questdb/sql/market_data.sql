CREATE TABLE IF NOT EXISTS market_data{suffix} (
    timestamp TIMESTAMP,
    symbol SYMBOL CAPACITY 15000,
    bids DOUBLE[][],
    asks DOUBLE[][],
    best_bid DOUBLE,
    best_ask DOUBLE
) TIMESTAMP(timestamp) PARTITION BY HOUR{ttl:3 DAYS} WAL DEDUP UPSERT KEYS(timestamp, symbol)
