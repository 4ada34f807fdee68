//! Rates of bars in columns and in files, each beside what it adds to, in alternating pairs of the same run: `cargo bench -p klined-data`.
//!
//! CPU time, so that a busy machine changes little. Printed are medians with minimum and maximum.
//!
//! A file is written by one thread while others make its rows. Its rate is given in two units: for each core, where making the rows counts
//! as well, and for a core that only writes while another makes the rows, where the slower of the two threads decides.

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
use klined_market::calendar::{Calendar, Hours};
use klined_market::model::Model;
use klined_market::universe::{StockCount, Universe};
use klined_testing::date;
use rustix::time::{ClockId, clock_gettime};

const PAIRS: usize = 7;
const STOCKS: u16 = 40;

/// CPU time of some work, in seconds.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// Of all threads.
    process: f64,
    /// Of the busiest: this thread, or the others together.
    busiest: f64,
}

fn cost(work: impl FnOnce()) -> Cost {
    let now = |clock| {
        let time = clock_gettime(clock);
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    };
    let all = || [now(ClockId::ProcessCPUTime), now(ClockId::ThreadCPUTime)];
    let begun = all();
    work();
    let ended = all();
    let [process, own] = [ended[0] - begun[0], ended[1] - begun[1]];
    Cost { process, busiest: own.max(process - own) }
}

/// The median of ratios, with the least and the most.
fn shown(mut ratios: Vec<f64>) -> String {
    ratios.sort_by(f64::total_cmp);
    format!("{:.2} ({:.2} to {:.2})", ratios[PAIRS / 2], ratios[0], ratios[PAIRS - 1])
}

/// Measures two works in alternating pairs, and prints the rate of the first and the ratio of the rates.
fn pairs(name: &str, rows: usize, mut work: impl FnMut(), mut reference: impl FnMut()) {
    let costs: Vec<(Cost, Cost)> = (0..PAIRS).map(|_| (cost(&mut work), cost(&mut reference))).collect();
    let a_core = shown(costs.iter().map(|(work, reference)| reference.process / work.process).collect());
    let side_by_side = shown(costs.iter().map(|(work, reference)| reference.busiest / work.busiest).collect());
    let mut rates: Vec<f64> = costs.iter().map(|(work, _)| rows as f64 / work.process / 1e6).collect();
    rates.sort_by(f64::total_cmp);
    let rate = rates[PAIRS / 2];
    klined_service::say!(
        "{name:<44} {rate:6.2} M rows/s a core, {a_core} of its reference; threads side by side {side_by_side}"
    );
}

fn main() {
    let universe = Universe::ashare(StockCount::new(STOCKS).unwrap_or(StockCount::MAX));
    let (from, to) = (date("2026-01-05"), date("2026-03-31"));
    let choice = MarketChoice::new(Seed(31), universe.clone(), Calendar::shanghai());
    let Ok(market) = MadeMarket::new(choice, &[], from, to, Listed::WithTheRange) else { return };
    let model = Model::full(Seed(31), Default::default(), std::sync::Arc::new(Calendar::shanghai()));
    let instruments: Vec<_> =
        universe.rows(Seed(31), Hours::Sse).iter().filter_map(|row| row.instrument().ok()).collect();
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
