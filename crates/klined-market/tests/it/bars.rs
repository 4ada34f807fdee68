//! Bars: one symbol's run gives the same bytes however it is driven, and the roll-up folds them exactly.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::NaiveDate;
use klined_market::bars::{Bar, Checkpoint, InvalidCheckpoint, Opening, Repair, Rollup, SymbolRun};
use klined_market::base::{Instrument, Interval, Ohlcv, Price, Symbol, Traded};
use klined_market::calendar::Minute;
use klined_market::model::{Model, StateOfOtherModel, SymbolState};
use klined_testing::market::{full, gbm, instrument};
use klined_testing::{SHANGHAI, SHANGHAI_MINUTES, date, trading_days_from};
use proptest::prelude::*;
use proptest::sample::Index;

use super::sample::any_instrument;

type Bars = Vec<(Symbol, Bar)>;
type Rolled = BTreeMap<(Interval, Minute), Ohlcv>;

const DAY: usize = SHANGHAI_MINUTES as usize;

/// All bars of a symbol over some days, made in one go.
fn in_one_go(model: Model, stock: Instrument, days: &[NaiveDate]) -> Bars {
    let mut run = SymbolRun::list(model, stock, days[0]);
    let mut bars = Bars::new();
    for (place, &day) in days.iter().enumerate() {
        if place > 0 {
            run.open_day(stock, day);
        }
        run.bars_until(&SHANGHAI, SHANGHAI_MINUTES, &mut bars).unwrap();
    }
    bars
}

/// The next `count` bars of a run over some days, in steps as they come.
fn drive(run: &mut SymbolRun, stock: Instrument, days: &[NaiveDate], count: usize, bars: &mut Bars) {
    let wanted = bars.len() + count;
    while bars.len() < wanted {
        if run.is_day_over() {
            let next = days.iter().copied().find(|&day| day > run.day()).unwrap();
            run.open_day(stock, next);
        }
        let until = usize::from(run.next_index()) + (wanted - bars.len());
        run.bars_until(&SHANGHAI, until.min(DAY) as u16, bars).unwrap();
    }
}

/// What a restart has of a run: its checkpoint, with the opening through its JSON, and its last bar.
fn restart(model: Model, run: &SymbolRun, bars: &Bars) -> SymbolRun {
    let checkpoint = run.checkpoint();
    let opening: Opening = serde_json::from_str(&serde_json::to_string(&checkpoint.opening).unwrap()).unwrap();
    let last_bar = bars.last().map(|(_, bar)| bar.first);
    SymbolRun::resume(model, &SHANGHAI, Checkpoint { opening, ..checkpoint }, last_bar).unwrap()
}

#[test]
fn a_checkpoint_of_another_model_is_refused() {
    let stock = instrument("AAPL", "150.00", 0.025);
    for (own, other, found) in [(gbm(7), full(7), "gbm"), (full(7), gbm(7), "full")] {
        let checkpoint = SymbolRun::list(own.clone(), stock, date("2026-01-05")).checkpoint();
        let error = StateOfOtherModel { symbol: stock.symbol, expected: other.kind, found };
        assert_eq!(checkpoint.opening.state.model_name(), found);
        assert_eq!(other.open_day(&stock, &checkpoint.opening.state, checkpoint.day).unwrap_err(), error);
        let resumed = SymbolRun::resume(other, &SHANGHAI, checkpoint.clone(), None);
        assert_eq!(resumed.unwrap_err(), InvalidCheckpoint::Model(error));
        assert!(SymbolRun::resume(own, &SHANGHAI, checkpoint, None).is_ok());
    }
    let stock_state = SymbolState::Venue;
    let error = gbm(7).open_day(&stock, &stock_state, date("2026-01-05")).unwrap_err();
    assert_eq!(error.to_string(), "the stored state of AAPL is of the model venue, but the market's model is gbm");
}

fn market() -> Vec<Instrument> {
    (0..12).map(|i| instrument(&format!("T{i}"), ["2.00", "150.00", "900000.00"][i % 3], 0.02)).collect()
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let (stocks, days) = (market(), trading_days_from(date("2026-01-05"), 5));
    let alone: Vec<Bars> = stocks.iter().map(|&stock| in_one_go(gbm(1), stock, &days)).collect();
    let in_four: Vec<Bars> = std::thread::scope(|scope| {
        let days = &days;
        let quarter = |stocks: &[Instrument]| stocks.iter().map(|&stock| in_one_go(gbm(1), stock, days)).collect();
        let threads: Vec<_> =
            stocks.chunks(3).map(|stocks| scope.spawn(move || -> Vec<Bars> { quarter(stocks) })).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(alone, in_four);
}

#[test]
fn other_symbols_change_nothing() {
    let (stocks, days) = (market(), trading_days_from(date("2026-01-05"), 3));
    // Minute after minute over the whole market, as the generator drives it.
    let market_of = |stocks: &[Instrument]| {
        let mut runs: Vec<SymbolRun> = stocks.iter().map(|&stock| SymbolRun::list(gbm(1), stock, days[0])).collect();
        let mut bars = Bars::new();
        for _ in 0..days.len() * DAY {
            for (run, &stock) in runs.iter_mut().zip(stocks) {
                drive(run, stock, &days, 1, &mut bars);
            }
        }
        bars
    };
    let of = |bars: &Bars, symbol| bars.iter().filter(|(name, _)| *name == symbol).copied().collect::<Bars>();
    let (everyone, few) = (market_of(&stocks), market_of(&[stocks[7], stocks[2]]));
    assert_eq!(everyone.len(), 12 * 3 * DAY);
    for stock in [stocks[2], stocks[7]] {
        assert_eq!(of(&everyone, stock.symbol), of(&few, stock.symbol));
        assert_eq!(of(&few, stock.symbol), in_one_go(gbm(1), stock, &days));
    }
    assert_ne!(of(&everyone, stocks[1].symbol)[0].1.ohlcv, of(&everyone, stocks[4].symbol)[0].1.ohlcv);
}

#[test]
fn a_day_left_in_the_middle_is_passed_through() {
    let (stock, days) = (instrument("MID", "150.00", 0.025), trading_days_from(date("2026-01-05"), 2));
    let whole = in_one_go(gbm(1), stock, &days);
    for made in [0, 1, 100, 240] {
        let mut run = SymbolRun::list(gbm(1), stock, days[0]);
        run.bars_until(&SHANGHAI, made, &mut Bars::new()).unwrap();
        assert_eq!(run.next_index(), made);
        run.open_day(stock, days[1]);
        let mut second = Bars::new();
        run.bars_until(&SHANGHAI, SHANGHAI_MINUTES, &mut second).unwrap();
        assert_eq!(second, whole[DAY..], "after {made} bars of the first day");
    }
}

#[test]
fn a_restarted_day_keeps_the_parameters_it_opened_with() {
    let (stock, days) = (instrument("EDIT", "150.00", 0.025), trading_days_from(date("2026-01-05"), 2));
    let edited = instrument("EDIT", "10.00", 0.01);
    let mut bars = Bars::new();
    let mut run = SymbolRun::list(gbm(1), stock, days[0]);
    run.bars_until(&SHANGHAI, 100, &mut bars).unwrap();
    // The row is edited here: the day goes on as it began, the next one has the new volatility.
    let mut run = restart(gbm(1), &run, &bars);
    assert_eq!(run.instrument(), &stock);
    run.bars_until(&SHANGHAI, SHANGHAI_MINUTES, &mut bars).unwrap();
    assert_eq!(bars, in_one_go(gbm(1), stock, &days[..1]));
    run.open_day(edited, days[1]);
    assert_eq!(run.checkpoint().opening.parameters.base_volatility, 0.01);
    run.bars_until(&SHANGHAI, 1, &mut bars).unwrap();
    assert_eq!(bars[DAY].1.ohlcv.open(), bars[DAY - 1].1.ohlcv.close(), "an edit makes no gap");
}

#[test]
fn a_quote_says_what_the_bars_say() {
    let (stock, days) =
        (instrument("QUOTE", "150.00", 0.025).with_drift(0.07).unwrap(), trading_days_from(date("2026-01-05"), 2));
    let mut run = SymbolRun::list(gbm(1), stock, days[0]);
    let mut bars = Bars::new();
    drive(&mut run, stock, &days, DAY + 77, &mut bars);
    let (today, last) = (&bars[DAY..], bars[bars.len() - 1].1);
    let quote = run.snapshot(last.first).unwrap();
    assert_eq!((quote.symbol, quote.price, quote.last_bar), (stock.symbol, last.ohlcv.close(), last.first.start()));
    assert_eq!(quote.day_volume, today.iter().map(|(_, bar)| bar.ohlcv.volume()).sum::<i64>());
    let previous_close = bars[DAY - 1].1.ohlcv.close().units();
    assert!((quote.change_percent - 100.0 * (quote.price.units() / previous_close - 1.0)).abs() < 1e-9);
    // Σπc² of the regimes.
    let mean_square: f64 = (15.0 + 8.0 * 0.64 + 15.0 * 2.25) / 38.0;
    let expected = 0.025 * quote.regime.volatility_factor() / mean_square.sqrt();
    assert!((quote.volatility - expected).abs() < 1e-12, "{}", quote.volatility);
    assert_eq!(quote.trend.0, 0.07 + quote.regime.drift().0);
}

proptest! {
    #[test]
    fn a_run_may_stop_and_start_again_anywhere(
        stock in any_instrument(), seed in any::<u64>(), cuts in prop::collection::vec(0..=3 * DAY, 0..6),
    ) {
        let days = trading_days_from(date("2025-12-30"), 3);
        let mut cuts = cuts;
        cuts.sort_unstable();
        let mut bars = Bars::new();
        let mut run = SymbolRun::list(gbm(seed), stock, days[0]);
        for cut in cuts.into_iter().chain([3 * DAY]) {
            let missing = cut - bars.len();
            drive(&mut run, stock, &days, missing, &mut bars);
            if cut % 2 == 0 && run.is_day_over() && cut < 3 * DAY {
                // A checkpoint of a day that has no bar yet.
                run.open_day(stock, days[cut / DAY]);
            }
            let restarted = restart(gbm(seed), &run, &bars);
            prop_assert_eq!((restarted.day(), restarted.next_index()), (run.day(), run.next_index()));
            prop_assert_eq!(restarted.checkpoint(), run.checkpoint());
            if let Some((_, last)) = bars.last() {
                prop_assert_eq!(restarted.snapshot(last.first), run.snapshot(last.first));
            }
            run = restarted;
        }
        let minutes: Vec<Minute> = days.iter().flat_map(|&day| SHANGHAI.minutes_of(day)).collect();
        prop_assert_eq!(bars.iter().map(|(_, bar)| bar.first).collect::<Vec<_>>(), minutes);
        prop_assert_eq!(bars, in_one_go(gbm(seed), stock, &days));
    }
}

// The roll-up.

/// 70 trading days of one symbol from the middle of a week and of a month, across a week that two years share: where a
/// month begins within a week, a repair cuts through one bucket or the other.
static MINUTES: LazyLock<Vec<Bar>> = LazyLock::new(|| {
    let days = trading_days_from(date("2024-11-13"), 70);
    in_one_go(gbm(1), instrument("ROLL", "150.00", 0.025), &days).into_iter().map(|(_, bar)| bar).collect()
});

/// A stretch of the minutes, sometimes long, that begins and ends anywhere; every bar may be missing.
fn any_stretch() -> impl Strategy<Value = Vec<Bar>> {
    let length = prop_oneof![1..600_usize, 1..12_000_usize];
    (any::<Index>(), length, prop_oneof![Just(0_u64), 2..7_u64]).prop_map(|(start, length, sparsity)| {
        let start = start.index(MINUTES.len());
        let stretch = &MINUTES[start..(start + length).min(MINUTES.len())];
        // With a sparsity, about one minute in so many is left out, in a fixed disorder.
        let scattered = |bar: &Bar| bar.first.start().get() as u64 / 60 * 2_654_435_761 % 1009;
        let kept = |bar: &&Bar| sparsity == 0 || !scattered(bar).is_multiple_of(sparsity);
        stretch.iter().filter(kept).copied().collect()
    })
}

/// The fold said once more: the minutes of each bucket gathered first, and then described.
fn naive(bars: &[Bar]) -> Rolled {
    let mut buckets: BTreeMap<(Interval, Minute), Vec<Ohlcv>> = BTreeMap::new();
    for bar in bars {
        for interval in Interval::ROLLED {
            let label = SHANGHAI.bucket(bar.first, interval).first;
            buckets.entry((interval, label)).or_default().push(bar.ohlcv);
        }
    }
    let describe = |bars: Vec<Ohlcv>| {
        let (high, low) = (bars.iter().map(Ohlcv::high).max(), bars.iter().map(Ohlcv::low).min());
        let volume = bars.iter().map(Ohlcv::volume).sum();
        let of_all = |number: fn(Traded) -> i64| bars.iter().map(|bar| number(bar.traded().unwrap())).sum();
        let traded = Traded::new(of_all(Traded::turnover), of_all(Traded::trades)).unwrap();
        let whole = Ohlcv::new(bars[0].open(), high.unwrap(), low.unwrap(), bars[bars.len() - 1].close(), volume);
        whole.unwrap().with_traded(Some(traded))
    };
    buckets.into_iter().map(|(key, bars)| (key, describe(bars))).collect()
}

/// One sitting of a fold that goes on from what is rolled so far, and is kept as a database keeps it.
fn sitting(mut rollup: Rollup, bars: &[Bar], rolled: &mut Rolled) -> Vec<(Interval, Bar)> {
    let mut done = Vec::new();
    for bar in bars {
        rollup.push(bar, &mut |interval, bar| done.push((interval, bar)));
    }
    for (interval, bar) in done.iter().copied().chain(rollup.current()) {
        rolled.insert((interval, bar.first), bar.ohlcv);
    }
    done
}

/// A fold that takes up the buckets of the last bar, as a restarted aggregator does.
fn resumed(last: Option<&Bar>, rolled: &Rolled) -> Rollup<'static> {
    let mut rollup = Rollup::new(&SHANGHAI);
    for interval in Interval::ROLLED.into_iter().filter(|_| last.is_some()) {
        let bucket = SHANGHAI.bucket(last.unwrap().first, interval);
        rollup.resume(interval, bucket, rolled[&(interval, bucket.first)]);
    }
    rollup
}

#[test]
fn no_bucket_crosses_the_lunch_break() {
    let mut rolled = Rolled::new();
    sitting(Rollup::new(&SHANGHAI), &MINUTES[..5 * DAY], &mut rolled);
    let labels = |interval: Interval| {
        let firsts = rolled.keys().filter(|(of, _)| *of == interval).map(|(_, first)| SHANGHAI.local_minute(*first));
        let mut hours: Vec<String> = firsts.map(|label| label[11..].to_owned()).collect();
        hours.sort();
        hours.dedup();
        hours
    };
    assert_eq!(labels(Interval::Minute120), ["09:30", "13:00"]);
    assert_eq!(labels(Interval::Minute60), ["09:30", "10:30", "13:00", "14:00"]);
    assert_eq!(labels(Interval::Minute30).len(), 8);
    let morning = MINUTES[..DAY / 2].iter().map(|bar| bar.ohlcv).reduce(Ohlcv::then).unwrap();
    assert_eq!(rolled[&(Interval::Minute120, MINUTES[0].first)], morning);
    assert_eq!(rolled[&(Interval::Minute120, MINUTES[DAY / 2].first)].open(), MINUTES[DAY / 2].ohlcv.open());
}

#[test]
fn a_bar_of_a_longer_interval_sums_up_its_minutes() {
    let price = |ticks| Price::from_ticks(ticks).unwrap();
    let minutes: Vec<Minute> = SHANGHAI.minutes_of(date("2026-01-05")).collect();
    let bars: Vec<Bar> = [(10, 12, 8, 11, 100), (11, 30, 9, 20, 200), (20, 21, 5, 6, 300)]
        .into_iter()
        .zip(&minutes)
        .map(|((open, high, low, close, volume), &first)| {
            let ohlcv = Ohlcv::new(price(open), price(high), price(low), price(close), volume).unwrap();
            Bar { first, ohlcv }
        })
        .collect();
    let mut rolled = Rolled::new();
    let done = sitting(Rollup::new(&SHANGHAI), &bars, &mut rolled);
    assert!(done.is_empty(), "no bucket is full");
    let whole = Ohlcv::new(price(10), price(30), price(5), price(6), 600).unwrap();
    assert_eq!(rolled.len(), Interval::ROLLED.len());
    assert!(rolled.iter().all(|(&(_, first), &ohlcv)| first == minutes[0] && ohlcv == whole));
}

proptest! {
    #[test]
    fn the_fold_is_the_naive_one(bars in any_stretch()) {
        let mut rolled = Rolled::new();
        let done = sitting(Rollup::new(&SHANGHAI), &bars, &mut rolled);
        prop_assert_eq!(&rolled, &naive(&bars));
        // A bucket is given away once, when a minute after it has come, and never changes after that.
        for (interval, bar) in &done {
            prop_assert_eq!(rolled[&(*interval, bar.first)], bar.ohlcv);
            prop_assert!(SHANGHAI.bucket(bar.first, *interval).last < bars[bars.len() - 1].first);
        }
        let unfinished = if bars.is_empty() { 0 } else { Interval::ROLLED.len() };
        prop_assert_eq!(done.len() + unfinished, rolled.len());
    }

    #[test]
    fn a_fold_in_sittings_is_a_fold_in_one(bars in any_stretch(), cuts in prop::collection::vec(any::<Index>(), 1..6)) {
        let mut in_one = Rolled::new();
        let done_in_one = sitting(Rollup::new(&SHANGHAI), &bars, &mut in_one);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.index(bars.len() + 1)).chain([bars.len()]).collect();
        cuts.sort_unstable();
        let (mut rolled, mut done, mut from) = (Rolled::new(), Vec::new(), 0);
        for cut in cuts {
            let rollup = resumed(bars[..from].last(), &rolled);
            done.extend(sitting(rollup, &bars[from..cut], &mut rolled));
            from = cut;
        }
        prop_assert_eq!(rolled, in_one);
        prop_assert_eq!(done, done_in_one);
    }

    #[test]
    fn a_repair_makes_the_tail_of_the_fold_again(bars in any_stretch(), changed in any::<Index>()) {
        prop_assume!(!bars.is_empty());
        let changed = bars[changed.index(bars.len())].first;
        let repair = Repair::of(&SHANGHAI, changed);
        for interval in Interval::ROLLED {
            prop_assert!(repair.since <= SHANGHAI.bucket(changed, interval).first, "{} is not repaired", interval);
        }
        let tail: Vec<Bar> = bars.iter().filter(|bar| bar.first >= repair.since).copied().collect();
        let mut repaired = Rolled::new();
        sitting(Rollup::repairing(&SHANGHAI, repair), &tail, &mut repaired);
        let whole = naive(&bars);
        let expected: Rolled = whole.into_iter().filter(|((_, first), _)| *first >= repair.since).collect();
        prop_assert_eq!(repaired, expected);
    }
}
