DROP TABLE market_clock;
