CREATE MATERIALIZED VIEW IF NOT EXISTS core_price_1s WITH BASE core_price REFRESH IMMEDIATE AS (
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
    FROM core_price
    SAMPLE BY 1s
) PARTITION BY HOUR TTL 4 HOURS;

CREATE MATERIALIZED VIEW IF NOT EXISTS core_price_1d WITH BASE core_price REFRESH EVERY 1h DEFERRED START '2025-06-01T00:00:00.000000Z' AS (
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
    FROM core_price
    SAMPLE BY 1d
) PARTITION BY MONTH;

CREATE MATERIALIZED VIEW IF NOT EXISTS bbo_1s WITH BASE market_data REFRESH IMMEDIATE AS (
    SELECT timestamp, symbol, last(bids[1][1]) AS bid, last(asks[1][1]) AS ask
    FROM market_data
    SAMPLE BY 1s
) PARTITION BY HOUR;

CREATE MATERIALIZED VIEW IF NOT EXISTS bbo_1m WITH BASE bbo_1s REFRESH EVERY 1m DEFERRED START '2025-06-01T00:00:00.000000Z' AS (
    SELECT timestamp, symbol, max(bid) AS bid, min(ask) AS ask
    FROM bbo_1s
    SAMPLE BY 1m
) PARTITION BY DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS bbo_1h WITH BASE bbo_1m REFRESH EVERY 10m DEFERRED START '2025-06-01T00:00:00.000000Z' AS (
    SELECT timestamp, symbol, max(bid) AS bid, min(ask) AS ask
    FROM bbo_1m
    SAMPLE BY 1h
) PARTITION BY MONTH;

CREATE MATERIALIZED VIEW IF NOT EXISTS bbo_1d WITH BASE bbo_1h REFRESH EVERY 1h DEFERRED START '2025-06-01T00:00:00.000000Z' AS (
    SELECT timestamp, symbol, max(bid) AS bid, min(ask) AS ask
    FROM bbo_1h
    SAMPLE BY 1d
) PARTITION BY MONTH;

CREATE MATERIALIZED VIEW IF NOT EXISTS market_data_ohlc_1m WITH BASE market_data REFRESH IMMEDIATE AS (
    SELECT timestamp, symbol,
        first((bids[1][1] + asks[1][1]) / 2) AS open,
        max((bids[1][1] + asks[1][1]) / 2) AS high,
        min((bids[1][1] + asks[1][1]) / 2) AS low,
        last((bids[1][1] + asks[1][1]) / 2) AS close,
        sum(bids[2][1] + asks[2][1]) AS total_volume
    FROM market_data
    SAMPLE BY 1m
) PARTITION BY HOUR TTL 12 HOURS;

CREATE MATERIALIZED VIEW IF NOT EXISTS market_data_ohlc_15m WITH BASE market_data_ohlc_1m REFRESH IMMEDIATE AS (
    SELECT timestamp, symbol,
        first(open) AS open,
        max(high) AS high,
        min(low) AS low,
        last(close) AS close,
        sum(total_volume) AS total_volume
    FROM market_data_ohlc_1m
    SAMPLE BY 15m
) PARTITION BY HOUR TTL 2 DAYS;

CREATE MATERIALIZED VIEW IF NOT EXISTS market_data_ohlc_1d WITH BASE market_data REFRESH EVERY 1h DEFERRED START '2025-06-01T00:00:00.000000Z' AS (
    SELECT timestamp, symbol,
        first((bids[1][1] + asks[1][1]) / 2) AS open,
        max((bids[1][1] + asks[1][1]) / 2) AS high,
        min((bids[1][1] + asks[1][1]) / 2) AS low,
        last((bids[1][1] + asks[1][1]) / 2) AS close,
        sum(bids[2][1] + asks[2][1]) AS total_volume
    FROM market_data
    SAMPLE BY 1d
) PARTITION BY MONTH;

CREATE MATERIALIZED VIEW IF NOT EXISTS fx_trades_ohlc_1m WITH BASE fx_trades REFRESH IMMEDIATE AS (
    SELECT timestamp, symbol,
        first(price) AS open,
        max(price) AS high,
        min(price) AS low,
        last(price) AS close,
        sum(quantity) AS total_volume
    FROM fx_trades
    SAMPLE BY 1m
) PARTITION BY DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS fx_trades_ohlc_1d WITH BASE fx_trades REFRESH EVERY 1h DEFERRED START '2025-06-01T00:00:00.000000Z' AS (
    SELECT timestamp, symbol,
        first(price) AS open,
        max(price) AS high,
        min(price) AS low,
        last(price) AS close,
        sum(quantity) AS total_volume
    FROM fx_trades
    SAMPLE BY 1d
) PARTITION BY MONTH;
