//! Minutes without trade: a subscription begins with the last trade however many minutes it is ago.

use std::sync::Arc;

use klined_market::calendar::Calendar;
use klined_market::model::ModelKind;
use klined_market::universe::{StockCount, Universe};

use super::*;
use crate::on_every_backend;
use crate::support::SHANGHAI;
use crate::support::database::Database;
use crate::support::market_builder::{fill, minute, range, symbol};

on_every_backend! {
    fn a_subscription_after_minutes_without_trade_begins_with_the_last_trade(database: &Database) {
        let universe = Universe::ashare(StockCount::new(2).unwrap());
        let calendar = Arc::new(Calendar::clone(&SHANGHAI));
        let market = Market::claim_filling(database.open(), calendar, ModelKind::Full, Some(42), Some(&universe)).unwrap();
        let stocks: Vec<Symbol> = market.store.universe().unwrap().iter().map(|row| symbol(&row.symbol)).collect();
        // The closing call: nothing trades at 14:57, nor at 14:58, which is open.
        fill(&market, range("2026-03-02", "2026-03-03"), "2026-03-03 14:57:00").unwrap();
        let mut stage = Stage::of(market, Pace::Test { speed: 60.0 }, 77);
        let open = stage.market.store.clock().unwrap().unwrap().open_minute;
        assert_eq!(open, minute("2026-03-03 14:58").start());
        let mut subscription = stage.pump.subscribe();
        let lasts = want(&mut stage.pump, &mut subscription, &stocks, stage.wall);
        for stock in &stocks {
            let last = lasts[stock];
            let (trade, traded_on) = (last.trade.unwrap(), last.traded_on.unwrap());
            assert_eq!(trade.id().minute_start(), minute("2026-03-03 14:56").start(), "{stock}");
            assert!(traded_on.at <= trade.at, "{stock}");
            // The quote goes on changing in the call.
            assert!(last.quote.unwrap().at >= minute("2026-03-03 14:57").start().saturating_nanos(), "{stock}");
        }
    }
}
