CREATE MATERIALIZED VIEW IF NOT EXISTS core_price_1s{suffix} WITH BASE core_price{suffix} REFRESH IMMEDIATE AS (
    SELECT timestamp, symbol,
        first((bid_price + ask_price) / 2) AS open_mid,
        max((bid_price + ask_price) / 2) AS high_mid,
        min((bid_price + ask_price) / 2) AS low_mid,
        last((bid_price + ask_price) / 2) AS close_mid,
        last(ask_price - bid_price) AS last_spread,
        max(bid_price) AS max_bid,
        min(bid_price) AS min_bid,
        avg(bid_price) AS avg_bid,
        max(ask_price) AS max_ask,
        min(ask_price) AS min_ask,
        avg(ask_price) AS avg_ask
    FROM core_price{suffix}
    SAMPLE BY 1s
) PARTITION BY HOUR TTL 4 HOURS;

CREATE MATERIALIZED VIEW IF NOT EXISTS core_price_1d{suffix} WITH BASE core_price{suffix} REFRESH EVERY 1h DEFERRED START '2025-06-01T00:00:00.000000Z' AS (
    SELECT timestamp, symbol,
        first((bid_price + ask_price) / 2) AS open_mid,
        max((bid_price + ask_price) / 2) AS high_mid,
        min((bid_price + ask_price) / 2) AS low_mid,
        last((bid_price + ask_price) / 2) AS close_mid,
        last(ask_price - bid_price) AS last_spread,
        max(bid_price) AS max_bid,
        min(bid_price) AS min_bid,
        avg(bid_price) AS avg_bid,
        max(ask_price) AS max_ask,
        min(ask_price) AS min_ask,
        avg(ask_price) AS avg_ask
    FROM core_price{suffix}
    SAMPLE BY 1d
) PARTITION BY MONTH;

CREATE MATERIALIZED VIEW IF NOT EXISTS bbo_1s{suffix} WITH BASE market_data{suffix} REFRESH IMMEDIATE AS (
    SELECT timestamp, symbol, last(bids[1][1]) AS bid, last(asks[1][1]) AS ask
    FROM market_data{suffix}
    SAMPLE BY 1s
) PARTITION BY HOUR{ttl:3 DAYS};

CREATE MATERIALIZED VIEW IF NOT EXISTS bbo_1m{suffix} WITH BASE bbo_1s{suffix} REFRESH EVERY 1m DEFERRED START '2025-06-01T00:00:00.000000Z' AS (
    SELECT timestamp, symbol, max(bid) AS bid, min(ask) AS ask
    FROM bbo_1s{suffix}
    SAMPLE BY 1m
) PARTITION BY DAY{ttl:1 MONTH};

CREATE MATERIALIZED VIEW IF NOT EXISTS bbo_1h{suffix} WITH BASE bbo_1m{suffix} REFRESH EVERY 10m DEFERRED START '2025-06-01T00:00:00.000000Z' AS (
    SELECT timestamp, symbol, max(bid) AS bid, min(ask) AS ask
    FROM bbo_1m{suffix}
    SAMPLE BY 1h
) PARTITION BY MONTH;

CREATE MATERIALIZED VIEW IF NOT EXISTS bbo_1d{suffix} WITH BASE bbo_1h{suffix} REFRESH EVERY 1h DEFERRED START '2025-06-01T00:00:00.000000Z' AS (
    SELECT timestamp, symbol, max(bid) AS bid, min(ask) AS ask
    FROM bbo_1h{suffix}
    SAMPLE BY 1d
) PARTITION BY MONTH;

CREATE MATERIALIZED VIEW IF NOT EXISTS market_data_ohlc_1m{suffix} WITH BASE market_data{suffix} REFRESH IMMEDIATE AS (
    SELECT timestamp, symbol,
        first((bids[1][1] + asks[1][1]) / 2) AS open,
        max((bids[1][1] + asks[1][1]) / 2) AS high,
        min((bids[1][1] + asks[1][1]) / 2) AS low,
        last((bids[1][1] + asks[1][1]) / 2) AS close,
        sum(bids[2][1] + asks[2][1]) AS total_volume
    FROM market_data{suffix}
    SAMPLE BY 1m
) PARTITION BY HOUR TTL 12 HOURS;

CREATE MATERIALIZED VIEW IF NOT EXISTS market_data_ohlc_15m{suffix} WITH BASE market_data_ohlc_1m{suffix} REFRESH IMMEDIATE AS (
    SELECT timestamp, symbol,
        first(open) AS open,
        max(high) AS high,
        min(low) AS low,
        last(close) AS close,
        sum(total_volume) AS total_volume
    FROM market_data_ohlc_1m{suffix}
    SAMPLE BY 15m
) PARTITION BY HOUR TTL 2 DAYS;

CREATE MATERIALIZED VIEW IF NOT EXISTS market_data_ohlc_1d{suffix} WITH BASE market_data{suffix} REFRESH EVERY 1h DEFERRED START '2025-06-01T00:00:00.000000Z' AS (
    SELECT timestamp, symbol,
        first((bids[1][1] + asks[1][1]) / 2) AS open,
        max((bids[1][1] + asks[1][1]) / 2) AS high,
        min((bids[1][1] + asks[1][1]) / 2) AS low,
        last((bids[1][1] + asks[1][1]) / 2) AS close,
        sum(bids[2][1] + asks[2][1]) AS total_volume
    FROM market_data{suffix}
    SAMPLE BY 1d
) PARTITION BY MONTH;

CREATE MATERIALIZED VIEW IF NOT EXISTS fx_trades_ohlc_1m{suffix} WITH BASE fx_trades{suffix} REFRESH IMMEDIATE AS (
    SELECT timestamp, symbol,
        first(price) AS open,
        max(price) AS high,
        min(price) AS low,
        last(price) AS close,
        sum(quantity) AS total_volume
    FROM fx_trades{suffix}
    SAMPLE BY 1m
) PARTITION BY DAY{ttl:1 MONTH};

CREATE MATERIALIZED VIEW IF NOT EXISTS fx_trades_ohlc_1d{suffix} WITH BASE fx_trades{suffix} REFRESH EVERY 1h DEFERRED START '2025-06-01T00:00:00.000000Z' AS (
    SELECT timestamp, symbol,
        first(price) AS open,
        max(price) AS high,
        min(price) AS low,
        last(price) AS close,
        sum(quantity) AS total_volume
    FROM fx_trades{suffix}
    SAMPLE BY 1d
) PARTITION BY MONTH;
