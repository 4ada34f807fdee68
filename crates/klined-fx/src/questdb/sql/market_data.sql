CREATE TABLE IF NOT EXISTS market_data (
    timestamp TIMESTAMP,
    symbol SYMBOL CAPACITY 15000,
    bids DOUBLE[][],
    asks DOUBLE[][],
    best_bid DOUBLE,
    best_ask DOUBLE
) TIMESTAMP(timestamp) PARTITION BY HOUR WAL DEDUP UPSERT KEYS(timestamp, symbol)
