ALTER TABLE stock_state DROP COLUMN is_halted;
COMMENT ON COLUMN market_status.is_trading IS NULL;
DROP TABLE stock_halt, scenario_event, market_scenario;
