-- klined's own market in a cluster of ClickHouse servers: what all of them hold together. The server's configuration has the cluster {cluster}
-- (remote_servers), the macros shard and replica, and a ClickHouse Keeper or ZooKeeper. Run on every server of the cluster.
--
-- A symbol is on one shard, so a shard makes the longer bars of its symbols alone, and a bar that came twice meets its double there.

CREATE TABLE IF NOT EXISTS market_bars AS market_bars_local
ENGINE = Distributed({cluster}, {database}, market_bars_local, cityHash64(symbol));

CREATE TABLE IF NOT EXISTS market_bars_{interval} AS market_bars_{interval}_local
ENGINE = Distributed({cluster}, {database}, market_bars_{interval}_local, cityHash64(symbol));

CREATE TABLE IF NOT EXISTS market_trades AS market_trades_local
ENGINE = Distributed({cluster}, {database}, market_trades_local, cityHash64(symbol));

CREATE TABLE IF NOT EXISTS market_quotes AS market_quotes_local
ENGINE = Distributed({cluster}, {database}, market_quotes_local, cityHash64(symbol));
