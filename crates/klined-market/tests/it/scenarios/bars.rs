//! What events do to the bars of a symbol, and that they leave the rest as it was.

use klined_market::bars::{Bar, SymbolRun};
use klined_market::base::{Board, Instrument, Ohlcv, SectorKey, Symbol};
use klined_market::model::{FullParameters, Model, Regime, ScenarioEvent};
use klined_testing::market::{event, full, full_with, gbm, instrument};
use klined_testing::{SHANGHAI, SHANGHAI_MINUTES, assert_same, at, date, first_difference, minute, trading_days_from};
use proptest::prelude::*;
use proptest::sample::Index;

use super::{FIRST_DAY, made, ohlcv, resolved, stock};
use crate::sample::{bars_of, minute_drift, minute_variance};

fn log_ratio(one: &Ohlcv, other: &Ohlcv) -> f64 {
    (one.close().ticks() as f64 / other.close().ticks() as f64).ln()
}

/// The full model without minutes without trade, in which no bar shows the price.
fn always_trading(seed: u64) -> Model {
    full_with(seed, FullParameters::from_toml("volume.trade_value = 0").unwrap())
}

#[test]
fn days_are_counted_in_trading_days_and_an_end_may_lie_in_the_break() {
    let events = resolved(&event("halt", "from = \"day 5 11:29\"\nuntil = \"day 6 12:15\""));
    assert_eq!((events[0].from, events[0].until), (at("2026-03-06 11:29:00"), at("2026-03-09 12:15:00")));
    let (bars, halts) = made(&gbm(1), stock(), &events, 7);
    let halted = 1 + 120 + 120;
    assert_eq!(bars.len(), 7 * 240 - halted);
    let spans: Vec<_> = halts.iter().map(|halt| (halt.from, halt.until)).collect();
    assert_eq!(
        spans,
        [
            (at("2026-03-06 11:29:00"), at("2026-03-06 15:00:00")),
            (at("2026-03-09 09:30:00"), at("2026-03-09 11:30:00")),
        ]
    );
}

#[test]
fn a_move_adds_exactly_its_per_cent_and_nothing_else() {
    let events = resolved(&event("move", "percent = -9\nfrom = \"day 2 11:00\"\nuntil = \"13:30\""));
    for model in [gbm(3), always_trading(3)] {
        let (with, without) = (ohlcv(&made(&model, stock(), &events, 3).0), ohlcv(&made(&model, stock(), &[], 3).0));
        assert_same(&with[..330], &without[..330]);
        for (place, (with, without)) in with.iter().zip(&without).enumerate().skip(330) {
            let share = ((place + 1 - 330) as f64 / 60.0).min(1.0);
            let expected = share * 0.91_f64.ln();
            assert!((log_ratio(with, without) - expected).abs() < 1e-7, "minute {place}");
        }
    }
}

#[test]
fn a_gap_moves_the_open_and_the_change_is_counted_from_the_close_before() {
    let events = resolved(&event("gap", "percent = 7\nday = \"day 2\""));
    for model in [gbm(3), always_trading(3)] {
        let (with, without) = (ohlcv(&made(&model, stock(), &events, 2).0), ohlcv(&made(&model, stock(), &[], 2).0));
        assert_same(&with[..240], &without[..240]);
        let opens = with[240].open().ticks() as f64 / without[240].open().ticks() as f64;
        assert!((opens - 1.07).abs() < 1e-7);
        assert!(
            with[240..]
                .iter()
                .zip(&without[240..])
                .all(|(one, other)| (log_ratio(one, other) - 1.07_f64.ln()).abs() < 1e-7)
        );
    }
    let days = trading_days_from(date(FIRST_DAY), 2);
    let mut run = SymbolRun::list(gbm(3).with_events(&events), stock(), days[0]);
    let mut bars = vec![];
    run.bars_until(&SHANGHAI, SHANGHAI_MINUTES, &mut bars).unwrap();
    run.open_day(stock(), days[1]);
    run.bars_until(&SHANGHAI, 1, &mut bars).unwrap();
    let change = run.snapshot(bars[240].1.first).unwrap().change_percent;
    let closes = bars[240].1.ohlcv.close().ticks() as f64 / bars[239].1.ohlcv.close().ticks() as f64;
    assert!((change - 100.0 * (closes - 1.0)).abs() < 1e-9);
}

#[test]
fn a_volatility_multiplies_the_deviation_of_its_minutes_and_leaves_their_growth() {
    let events = resolved(&event("volatility", "factor = 3\nfrom = \"day 6 09:30\"\nuntil = \"day 10 15:00\""));
    let days = trading_days_from(date(FIRST_DAY), 10);
    let with = bars_of(gbm(3).with_events(&events), &stock(), &days);
    let without = bars_of(gbm(3), &stock(), &days);
    assert_same(&with[..1200], &without[..1200]);
    let log_return = |bar: &Ohlcv| (bar.close().ticks() as f64 / bar.open().ticks() as f64).ln();
    for ((regime, with), (_, without)) in with[1200..].iter().zip(&without[1200..]) {
        // r = mu - v/2 + sqrt(v) z, with the same z and nine times the v.
        let (drift, variance) = (minute_drift(*regime), minute_variance(0.02, *regime));
        let noise = log_return(without) - drift + 0.5 * variance;
        let expected = drift - 0.5 * 9.0 * variance + 3.0 * noise;
        assert!((log_return(with) - expected).abs() < 1e-7);
    }
}

#[test]
fn a_regime_holds_for_its_minutes_and_then_the_chain_goes_on_as_if_nothing_had_been() {
    let events = resolved(&event("regime", "regime = \"bear\"\nfrom = \"day 1 10:00\"\nuntil = \"day 3 10:00\""));
    for model in [gbm(5), full(5)] {
        let regimes = |events: &[ScenarioEvent]| -> Vec<Regime> {
            let model = model.clone().with_events(events);
            let mut state = model.first_state(&stock(), date(FIRST_DAY));
            let mut seen = vec![];
            for day in trading_days_from(date(FIRST_DAY), 6) {
                let mut path = model.open_day(&stock(), &state, day).unwrap();
                for _ in 0..SHANGHAI_MINUTES {
                    path.step();
                    seen.push(path.regime());
                }
                state = path.state();
            }
            seen
        };
        let (with, without) = (regimes(&events), regimes(&[]));
        assert!(with[30..510].iter().all(|&regime| regime == Regime::Bear));
        assert!(without[30..510].iter().any(|&regime| regime != Regime::Bear));
        assert_eq!((&with[..30], &with[510..]), (&without[..30], &without[510..]));
    }
}

#[test]
fn after_a_halt_the_price_is_where_it_would_have_been() {
    let events = resolved(&event("halt", "from = \"day 1 13:30\"\nuntil = \"day 2 10:00\""));
    for model in [gbm(3), always_trading(3)] {
        let (with, without) = (made(&model, stock(), &events, 3).0, made(&model, stock(), &[], 3).0);
        let is_traded = |bar: &&(Symbol, Bar)| {
            !(at("2026-03-02 13:30:00")..at("2026-03-03 10:00:00")).contains(&bar.1.first.start())
        };
        let expected: Vec<_> = without.iter().filter(is_traded).copied().collect();
        let prices = |bars: &[(Symbol, Bar)]| -> Vec<_> {
            bars.iter().map(|(_, bar)| (bar.first, bar.ohlcv.open(), bar.ohlcv.close())).collect()
        };
        assert_same(&prices(&with), &prices(&expected));
    }
}

#[test]
fn while_a_stock_is_halted_its_price_is_that_of_its_last_bar() {
    let events = resolved(&event("halt", "from = \"day 1 14:00\"\nuntil = \"day 2 10:00\""));
    let days = trading_days_from(date(FIRST_DAY), 2);
    let limited = Instrument { board: Board::Main, ..instrument("600999", "10.00", 0.05) };
    for (model, stock) in [(gbm(3), stock()), (full(3), stock()), (full(3), limited)] {
        let mut run = SymbolRun::list(model.with_events(&events), stock, days[0]);
        let mut bars = vec![];
        run.bars_until(&SHANGHAI, 200, &mut bars).unwrap();
        let (last_bar, close) = bars.last().map(|(_, bar)| (bar.first.start(), bar.ohlcv.close())).unwrap();
        let shown = |run: &SymbolRun, after: &str| {
            let quote = run.snapshot(minute(after)).unwrap();
            assert_eq!((quote.price, quote.last_bar, quote.is_halted), (close, last_bar, true));
            quote.change_percent
        };
        let on_its_day = 100.0 * (close.ticks() as f64 / stock.base_price.ticks() as f64 - 1.0);
        assert!((shown(&run, "2026-03-02 14:19") - on_its_day).abs() < 1e-9);
        run.bars_until(&SHANGHAI, SHANGHAI_MINUTES, &mut bars).unwrap();
        run.open_day(stock, days[1]);
        run.bars_until(&SHANGHAI, 10, &mut bars).unwrap();
        assert_eq!((shown(&run, "2026-03-03 09:39"), bars.len()), (0.0, 180));
        run.bars_until(&SHANGHAI, SHANGHAI_MINUTES, &mut bars).unwrap();
        let quote = run.snapshot(minute("2026-03-03 14:59")).unwrap();
        let change = 100.0 * (quote.price.ticks() as f64 / close.ticks() as f64 - 1.0);
        assert!((quote.change_percent - change).abs() < 1e-9 && !quote.is_halted);
    }
}

#[test]
fn an_event_affects_its_scope_and_no_other_stock() {
    let crash = |scope: &str| {
        resolved(&event("move", &format!("percent = -50\nfrom = \"day 1 09:30\"\nuntil = \"15:00\"\n{scope}")))
    };
    let (coal, dear) = (crash("sector = \"Coal\""), crash("symbol = \"DEAR\""));
    let other = |sector: &str| Instrument { sector: SectorKey::of(sector), ..instrument("OTHER", "900000.00", 0.02) };
    let is_hit = |stock, events: &[ScenarioEvent]| {
        ohlcv(&made(&gbm(3), stock, events, 1).0) != ohlcv(&made(&gbm(3), stock, &[], 1).0)
    };
    assert!(is_hit(stock(), &coal) && is_hit(other("Coal"), &coal) && !is_hit(other("coal"), &coal));
    assert!(is_hit(stock(), &dear) && !is_hit(other("Coal"), &dear));
    assert!(is_hit(other("Steel"), &crash("")));
}

#[test]
fn under_limits_a_forced_move_stays_inside_them() {
    let limited = Instrument { board: Board::Main, ..instrument("600999", "10.00", 0.02) };
    let events = resolved(&event("move", "percent = -40\nfrom = \"day 2 10:00\"\nuntil = \"10:20\""));
    let bars = ohlcv(&made(&full(3), limited, &events, 3).0);
    for day in 1..3 {
        let close = bars[day * 240 - 1].close();
        let limits = limited.board.price_limits(false, date(FIRST_DAY), close).unwrap();
        let of_day = &bars[day * 240..(day + 1) * 240];
        assert!(of_day.iter().all(|bar| bar.low() >= limits.down && bar.high() <= limits.up));
        // The second day is sealed at once, and what it could not fall the third day brings.
        assert!(of_day.iter().any(|bar| bar.low() == limits.down), "day {day}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_run_that_is_resumed_anywhere_makes_the_same_bars_under_events(cut in any::<Index>(), is_full in any::<bool>()) {
        let model = if is_full { full(9) } else { gbm(9) };
        let events = resolved(&[
            event("halt", "from = \"day 1 14:00\"\nuntil = \"day 2 10:30\""),
            event("halt", "from = \"day 3 10:00\"\nuntil = \"day 3 10:05\""),
            event("gap", "percent = -3\nday = \"day 3\""),
            event("volatility", "factor = 2\nfrom = \"day 1 10:00\"\nuntil = \"day 3 11:00\""),
            event("move", "percent = 5\nfrom = \"day 1 10:00\"\nuntil = \"day 3 11:00\""),
        ].concat());
        let (whole, _) = made(&model, stock(), &events, 4);
        let cut = cut.index(4 * 240);
        let model = model.with_events(&events);
        let days = trading_days_from(date(FIRST_DAY), 4);
        let mut bars = vec![];
        let mut run = SymbolRun::list(model.clone(), stock(), days[0]);
        for (place, &day) in days.iter().enumerate() {
            if place > 0 {
                run.open_day(stock(), day);
            }
            let until = (cut.saturating_sub(place * 240)).min(240) as u16;
            run.bars_until(&SHANGHAI, until, &mut bars).unwrap();
            if until < 240 {
                run = SymbolRun::resume(model.clone(), &SHANGHAI, run.checkpoint(), bars.last().map(|(_, bar): &(Symbol, Bar)| bar.first)).unwrap();
            }
            run.bars_until(&SHANGHAI, SHANGHAI_MINUTES, &mut bars).unwrap();
        }
        prop_assert_eq!(first_difference(&bars, &whole), None);
    }
}
