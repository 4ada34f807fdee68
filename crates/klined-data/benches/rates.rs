//! Rates of bars in columns and in files, each beside what it adds to, in alternating pairs of the same run: `cargo bench -p klined-data`.
//!
//! CPU time of the process, so that a busy machine changes little. Printed are medians with minimum and maximum.

use std::convert::Infallible;
use std::hint::black_box;
use std::io::sink;
use std::num::NonZeroUsize;

use klined_data::columns::{Dataset, Style};
use klined_data::files::{FileFormat, Sheet, SheetStyle};
use klined_data::market::{Listed, MadeMarket, MarketChoice};
use klined_data::pipeline::Job;
use klined_data::source::Source;
use klined_market::bars::SymbolRun;
use klined_market::base::{Interval, Seed};
use klined_market::calendar::Calendar;
use klined_market::model::Model;
use klined_market::universe::{StockCount, Universe};
use klined_testing::date;
use rustix::time::{ClockId, clock_gettime};

const PAIRS: usize = 7;
const STOCKS: u16 = 40;

/// The CPU time of some work, in seconds.
fn cost(work: impl FnOnce()) -> f64 {
    let now = || clock_gettime(ClockId::ProcessCPUTime);
    let begun = now();
    work();
    let ended = now();
    (ended.tv_sec - begun.tv_sec) as f64 + (ended.tv_nsec - begun.tv_nsec) as f64 * 1e-9
}

/// Measures two works in alternating pairs, and prints the rate of the first and the ratio of the rates.
fn pairs(name: &str, rows: usize, mut work: impl FnMut(), mut reference: impl FnMut()) {
    let mut costs: Vec<(f64, f64)> = (0..PAIRS).map(|_| (cost(&mut work), cost(&mut reference))).collect();
    costs.sort_by(|one, other| (one.1 / one.0).total_cmp(&(other.1 / other.0)));
    let ratio = |(work, reference): (f64, f64)| reference / work;
    let (least, median, most) = (ratio(costs[0]), ratio(costs[PAIRS / 2]), ratio(costs[PAIRS - 1]));
    let rate = rows as f64 / costs[PAIRS / 2].0 / 1e6;
    klined_service::say!(
        "{name:<44} {rate:7.2} M rows/s a core, {median:.2} ({least:.2} to {most:.2}) of its reference"
    );
}

fn main() {
    let universe = Universe::ashare(StockCount::new(STOCKS).unwrap_or(StockCount::MAX));
    let (from, to) = (date("2026-01-05"), date("2026-03-31"));
    let choice = MarketChoice::new(Seed(31), universe.clone(), Calendar::shanghai());
    let Ok(market) = MadeMarket::new(choice, &[], from, to, Listed::WithTheRange) else { return };
    let model = Model::full(Seed(31), Default::default(), std::sync::Arc::new(Calendar::shanghai()));
    let instruments: Vec<_> = universe.rows(Seed(31)).iter().filter_map(|row| row.instrument().ok()).collect();
    let bare = || {
        let mut bars = Vec::new();
        for &instrument in &instruments {
            bars.clear();
            let mut run = SymbolRun::list(model.clone(), instrument, from);
            for &day in market.days() {
                if run.day() < day {
                    run.open_day(instrument, day);
                }
                let _ = run.bars_until(market.calendar(), u16::MAX, &mut bars);
            }
            black_box(&bars);
        }
    };
    let job = |interval| Job::whole(Dataset::Bars(interval), Style::default(), market.days(), NonZeroUsize::MIN);
    let batches = |interval| {
        let mut batches = Vec::new();
        let _ = job(interval).run(&market, |piece| {
            batches.push(piece.batch);
            Ok::<_, Infallible>(())
        });
        batches
    };
    let minutes = instruments.len() * market.days().len() * 240;
    pairs("1m bars as Arrow, of the bare run", minutes, || drop(black_box(batches(Interval::Minute1))), bare);
    pairs(
        "minutes as 5m bars in Arrow, of the bare run",
        minutes,
        || drop(black_box(batches(Interval::Minute5))),
        bare,
    );
    let ready = batches(Interval::Minute1);
    for format in FileFormat::ALL {
        let style = SheetStyle::new(format);
        let write = || {
            let Ok(mut sheet) = Sheet::begin(style, sink(), ready[0].schema_ref()) else { return };
            for batch in &ready {
                let _ = sheet.write(batch);
            }
            let _ = black_box(sheet.finish());
        };
        let made = || {
            let Ok(mut sheet) = Sheet::begin(style, sink(), ready[0].schema_ref()) else { return };
            let _ = job(Interval::Minute1).run(&market, |piece| sheet.write(&piece.batch));
            let _ = black_box(sheet.finish());
        };
        pairs(&format!("1m bars as {format}, of the writer alone"), minutes, made, write);
    }
}
