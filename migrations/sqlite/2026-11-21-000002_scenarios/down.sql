ALTER TABLE stock_state DROP COLUMN is_halted;
DROP TABLE stock_halt;
DROP TABLE scenario_event;
DROP TABLE market_scenario;
