CREATE TABLE IF NOT EXISTS fx_trades{suffix} (
    timestamp TIMESTAMP_NS,
    symbol SYMBOL CAPACITY 15000,
    ecn SYMBOL,
    trade_id UUID,
    side SYMBOL,
    passive BOOLEAN,
    price DOUBLE,
    quantity DOUBLE,
    counterparty SYMBOL,
    order_id UUID
) TIMESTAMP(timestamp) PARTITION BY HOUR{ttl:1 MONTH} WAL DEDUP UPSERT KEYS(timestamp, trade_id)
