DROP TABLE market_klines, stock_metadata, stock_state, stock_realtime_price, market_status, market_identity, role_epoch,
    model_checkpoint, stock_listing, rollup_watermark, rollup_dirty;
DROP FUNCTION klines_note_inserted();
DROP FUNCTION klines_note_changed();
DROP FUNCTION klines_note_moved();
