//! Scenarios: what a file may say, what its events do to the bars, and that they leave the rest as it was.

mod bars;
mod files;

use klined_market::bars::{Bar, Halt, SymbolRun};
use klined_market::base::{Instrument, Ohlcv, SectorKey, Symbol};
use klined_market::model::{Model, ScenarioEvent};
use klined_testing::market::{instrument, scenario};
use klined_testing::{SHANGHAI, SHANGHAI_MINUTES, date, trading_days_from};

const FIRST_DAY: &str = "2026-03-02";

fn resolved(events: &str) -> Vec<ScenarioEvent> {
    scenario(events).resolve(&SHANGHAI, date(FIRST_DAY)).unwrap()
}

/// A stock so dear that ticks do not show.
fn stock() -> Instrument {
    Instrument { sector: SectorKey::of("Coal"), ..instrument("DEAR", "900000.00", 0.02) }
}

/// Bars and halts of some days from [`FIRST_DAY`] on, under events.
fn made(model: &Model, stock: Instrument, events: &[ScenarioEvent], days: usize) -> (Vec<(Symbol, Bar)>, Vec<Halt>) {
    let days = trading_days_from(date(FIRST_DAY), days);
    let mut run = SymbolRun::list(model.clone().with_events(events), stock, days[0]);
    let (mut bars, mut halts) = (vec![], vec![]);
    for &day in &days {
        if day != run.day() {
            run.open_day(stock, day);
        }
        halts.extend(run.bars_until(&SHANGHAI, SHANGHAI_MINUTES, &mut bars).unwrap());
    }
    (bars, halts)
}

fn ohlcv(bars: &[(Symbol, Bar)]) -> Vec<Ohlcv> {
    bars.iter().map(|(_, bar)| bar.ohlcv).collect()
}
