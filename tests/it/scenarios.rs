//! Scenarios: what a file may say, what its events do to the bars, and that they leave the rest and every restart as it was.

use std::sync::Arc;

use klined::bars::{Bar, Halt, SymbolRun};
use klined::base::{Board, Instrument, Ohlcv, SectorKey, Seed, Symbol};
use klined::calendar::{Calendar, MINUTES_PER_DAY};
use klined::jobs::{JobError, Market, ModelChoice, Stop};
use klined::model::{FullParameters, Model, ModelKind, Regime, Scenario, ScenarioEvent};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::on_every_backend;
use crate::support::database::Database;
use crate::support::market::{bars_of, gbm, instrument, minute_drift, minute_variance};
use crate::support::market_builder::{
    aggregate, assert_clean, at, fill, generate, generator, market, minute, range, symbol, verified,
};
use crate::support::{SHANGHAI, date, trading_days_from};

const FIRST_DAY: &str = "2026-03-02";

fn scenario(events: &str) -> Scenario {
    Scenario::from_toml(&format!("name = \"test\"\n{events}")).unwrap()
}

/// An event of the whole market with further keys.
fn event(kind: &str, keys: &str) -> String {
    format!("[[event]]\nkind = \"{kind}\"\n{keys}\n")
}

fn resolved(events: &str) -> Vec<ScenarioEvent> {
    scenario(events).resolve(&SHANGHAI, date(FIRST_DAY)).unwrap()
}

fn full(seed: u64) -> Model {
    Model::full(Seed(seed), FullParameters::default(), Arc::new(Calendar::clone(&SHANGHAI)))
}

/// A stock so dear that ticks do not show.
fn stock() -> Instrument {
    Instrument { sector: SectorKey::of("Coal"), ..instrument("DEAR", "900000.00", 0.02) }
}

/// Bars and halts of some days from [`FIRST_DAY`] on, under events.
fn made(model: &Model, stock: Instrument, events: &[ScenarioEvent], days: usize) -> (Vec<(Symbol, Bar)>, Vec<Halt>) {
    let days = trading_days_from(date(FIRST_DAY), days);
    let mut run = SymbolRun::list(model.clone().with_events(events, &SHANGHAI), stock, days[0]);
    let (mut bars, mut halts) = (vec![], vec![]);
    for &day in &days {
        if day != run.day() {
            run.open_day(stock, day);
        }
        halts.extend(run.bars_until(&SHANGHAI, MINUTES_PER_DAY, &mut bars).unwrap());
    }
    (bars, halts)
}

fn ohlcv(bars: &[(Symbol, Bar)]) -> Vec<Ohlcv> {
    bars.iter().map(|(_, bar)| bar.ohlcv).collect()
}

fn log_ratio(one: &Ohlcv, other: &Ohlcv) -> f64 {
    (one.close().ticks() as f64 / other.close().ticks() as f64).ln()
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let halt = event("halt", "from = \"day 1 10:00\"\nuntil = \"10:30\"");
    for (text, said) in [
        (String::new(), "missing field `name`"),
        ("name = \"x\"".to_owned(), "missing field `event`"),
        ("name = \"x\"\nevent = []".to_owned(), "0 events"),
        (format!("name = \"a b\"\n{halt}"), "the name \"a b\""),
        (format!("name = \"{}\"\n{halt}", "x".repeat(65)), "1 to 64"),
        (format!("name = \"x\"\n{halt}\n{}", event("crash", "")), "line 7: there is no kind \"crash\""),
        (format!("name = \"x\"\n{}", event("halt", "color = 1")), "unknown field `color`"),
        (format!("name = \"x\"\n{}", event("halt", "")), "line 2: a halt needs from and until"),
        (format!("name = \"x\"\n{halt}percent = 3"), "and nothing else"),
        (format!("name = \"x\"\n{halt}symbol = \"A\"\nsector = \"B\""), "not for both"),
        (format!("name = \"x\"\n{halt}symbol = \"no symbol\""), "\"no symbol\" is not a symbol"),
        (
            format!("name = \"x\"\n{}", event("gap", "percent = 3\nfrom = \"day 1 09:30\"\nuntil = \"10:00\"")),
            "and day",
        ),
        (format!("name = \"x\"\n{}", event("gap", "percent = -90.5\nday = \"day 1\"")), "percent from -90 to 400"),
        (format!("name = \"x\"\n{}", event("gap", "percent = 3\nday = \"soon\"")), "\"soon\" is no day"),
        (format!("name = \"x\"\n{}", event("gap", "percent = 3\nday = \"day 0\"")), "\"day 0\" is no day"),
        (format!("name = \"x\"\n{}", halt.replace("10:30", "half past")), "\"half past\" is no time"),
        (format!("name = \"x\"\n{}", halt.replace("day 1 10:00", "10:00")), "\"10:00\" is no time"),
        (format!("name = \"x\"\n{}", halt.replace("halt", "volatility")), "factor from 0.01 to 20"),
        (format!("name = \"x\"\n{}factor = 21", halt.replace("halt", "volatility")), "factor from 0.01 to 20"),
        (format!("name = \"x\"\n{}factor = nan", halt.replace("halt", "volatility")), "factor from 0.01 to 20"),
        (format!("name = \"x\"\n{}percent = 3\nfactor = 2", halt.replace("halt", "move")), "nothing else"),
        (format!("name = \"x\"\n{}regime = \"mad\"", halt.replace("halt", "regime")), "unknown variant `mad`"),
        (format!("name = \"x\"\n{}", halt.repeat(1001)), "1001 events"),
    ] {
        let error = Scenario::from_toml(&text).unwrap_err().to_string();
        assert!(error.contains(said), "{said:?} is not in {error:?}");
    }
}

#[test]
fn an_event_without_a_trading_minute_is_refused() {
    for (from, until, said) in [
        ("2026-03-07 10:00", "2026-03-09 10:00", "2026-03-07 is no trading day"),
        ("day 1 11:30", "12:59", "no trading minute"),
        ("day 1 10:00", "10:00", "no trading minute"),
        ("day 2 10:00", "day 1 10:00", "no trading minute"),
        ("2101-01-03 10:00", "11:00", "is no trading day"),
        ("day 10000 10:00", "day 10000 11:00", ""),
    ] {
        let halt = event("halt", &format!("from = \"{from}\"\nuntil = \"{until}\""));
        let outcome = scenario(&halt).resolve(&SHANGHAI, date(FIRST_DAY));
        if said.is_empty() {
            assert!(outcome.is_ok());
        } else {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains(said) && error.contains("event 1 (market: halt from"), "{error}");
        }
    }
    let late = scenario(&event("halt", "from = \"day 9000 10:00\"\nuntil = \"10:30\""));
    let error = late.resolve(&SHANGHAI, date("2090-01-04")).unwrap_err().to_string();
    assert!(error.contains("calendar ends on 2100-12-31"), "{error}");
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
    for model in [gbm(3), full(3)] {
        let (with, without) = (ohlcv(&made(&model, stock(), &events, 3).0), ohlcv(&made(&model, stock(), &[], 3).0));
        assert!(with[..330] == without[..330], "bars before the event are other bars");
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
    for model in [gbm(3), full(3)] {
        let (with, without) = (ohlcv(&made(&model, stock(), &events, 2).0), ohlcv(&made(&model, stock(), &[], 2).0));
        assert!(with[..240] == without[..240]);
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
    let mut run = SymbolRun::list(gbm(3).with_events(&events, &SHANGHAI), stock(), days[0]);
    let mut bars = vec![];
    run.bars_until(&SHANGHAI, MINUTES_PER_DAY, &mut bars).unwrap();
    run.open_day(stock(), days[1]);
    run.bars_until(&SHANGHAI, 1, &mut bars).unwrap();
    let change = run.quote(bars[240].1.first).unwrap().change_percent;
    let closes = bars[240].1.ohlcv.close().ticks() as f64 / bars[239].1.ohlcv.close().ticks() as f64;
    assert!((change - 100.0 * (closes - 1.0)).abs() < 1e-9);
}

#[test]
fn a_volatility_multiplies_the_deviation_of_its_minutes_and_leaves_their_growth() {
    let events = resolved(&event("volatility", "factor = 3\nfrom = \"day 6 09:30\"\nuntil = \"day 10 15:00\""));
    let days = trading_days_from(date(FIRST_DAY), 10);
    let with = bars_of(gbm(3).with_events(&events, &SHANGHAI), &stock(), &days);
    let without = bars_of(gbm(3), &stock(), &days);
    assert!(with[..1200] == without[..1200]);
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
            let model = model.clone().with_events(events, &SHANGHAI);
            let mut state = model.first_state(&stock(), date(FIRST_DAY));
            let mut seen = vec![];
            for day in trading_days_from(date(FIRST_DAY), 6) {
                let mut path = model.open_day(&stock(), &state, day);
                for _ in 0..MINUTES_PER_DAY {
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
    for model in [gbm(3), full(3)] {
        let (with, without) = (made(&model, stock(), &events, 3).0, made(&model, stock(), &[], 3).0);
        let is_traded = |bar: &&(Symbol, Bar)| {
            !(at("2026-03-02 13:30:00")..at("2026-03-03 10:00:00")).contains(&bar.1.first.start())
        };
        let expected: Vec<_> = without.iter().filter(is_traded).copied().collect();
        let prices = |bars: &[(Symbol, Bar)]| -> Vec<_> {
            bars.iter().map(|(_, bar)| (bar.first, bar.ohlcv.open(), bar.ohlcv.close())).collect()
        };
        assert!(prices(&with) == prices(&expected));
    }
}

#[test]
fn while_a_stock_is_halted_its_price_is_that_of_its_last_bar() {
    let events = resolved(&event("halt", "from = \"day 1 14:00\"\nuntil = \"day 2 10:00\""));
    let days = trading_days_from(date(FIRST_DAY), 2);
    let limited = Instrument { board: Board::Main, ..instrument("600999", "10.00", 0.05) };
    for (model, stock) in [(gbm(3), stock()), (full(3), stock()), (full(3), limited)] {
        let mut run = SymbolRun::list(model.with_events(&events, &SHANGHAI), stock, days[0]);
        let mut bars = vec![];
        run.bars_until(&SHANGHAI, 200, &mut bars).unwrap();
        let (last_bar, close) = bars.last().map(|(_, bar)| (bar.first.start(), bar.ohlcv.close())).unwrap();
        let shown = |run: &SymbolRun, after: &str| {
            let quote = run.quote(minute(after)).unwrap();
            assert_eq!((quote.price, quote.last_bar, quote.is_halted), (close, last_bar, true));
            quote.change_percent
        };
        let on_its_day = 100.0 * (close.ticks() as f64 / stock.base_price.ticks() as f64 - 1.0);
        assert!((shown(&run, "2026-03-02 14:19") - on_its_day).abs() < 1e-9);
        run.bars_until(&SHANGHAI, MINUTES_PER_DAY, &mut bars).unwrap();
        run.open_day(stock, days[1]);
        run.bars_until(&SHANGHAI, 10, &mut bars).unwrap();
        assert_eq!((shown(&run, "2026-03-03 09:39"), bars.len()), (0.0, 180));
        run.bars_until(&SHANGHAI, MINUTES_PER_DAY, &mut bars).unwrap();
        let quote = run.quote(minute("2026-03-03 14:59")).unwrap();
        let change = 100.0 * (quote.price.ticks() as f64 / close.ticks() as f64 - 1.0);
        assert!((quote.change_percent - change).abs() < 1e-9 && !quote.is_halted);
    }
}

#[test]
fn an_event_hits_its_scope_and_nobody_else() {
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
        let model = model.with_events(&events, &SHANGHAI);
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
            run.bars_until(&SHANGHAI, MINUTES_PER_DAY, &mut bars).unwrap();
        }
        prop_assert!(bars == whole);
    }
}

#[test]
fn the_shipped_scenarios_are_valid_and_do_what_they_say() {
    let read = |name: &str| {
        let path = format!("{}/examples/scenarios/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        Scenario::from_toml(&std::fs::read_to_string(path).unwrap())
            .unwrap()
            .resolve(&SHANGHAI, date(FIRST_DAY))
            .unwrap()
    };
    let stock = |sector: &str| Instrument { sector: SectorKey::of(sector), ..instrument("AAPL", "150.00", 0.025) };
    let change = |events: &[ScenarioEvent], sector: &str, days: usize| {
        let bars = ohlcv(&made(&full(42), stock(sector), events, days).0);
        bars[bars.len() - 1].close().ticks() as f64 / 15_000.0 - 1.0
    };
    assert!(change(&read("crash"), "", 1) < -0.05);
    assert!(change(&read("melt-up"), "Technology", 5) > change(&[], "Technology", 5) + 0.15);
    assert!(change(&read("melt-up"), "Finance", 5) == change(&[], "Finance", 5));
    assert_eq!(made(&gbm(42), stock(""), &read("halt"), 1).1.len(), 1);
}

/// A market of seed 42 that is to have scenarios.
fn market_with(database: &Database, kind: ModelKind, scenarios: &[Scenario]) -> Market {
    let choice = ModelChoice { kind: Some(kind), scenarios: scenarios.to_vec(), ..ModelChoice::default() };
    Market::claim(database.open(), Arc::new(Calendar::clone(&SHANGHAI)), choice, Some(42)).unwrap()
}

/// A halt of everybody, one of a single stock over a night, a gap and a crash of a sector.
fn eventful(name: &str) -> Scenario {
    let events = [
        event("halt", "from = \"day 1 10:00\"\nuntil = \"10:20\""),
        event("halt", "symbol = \"TSLA\"\nfrom = \"day 1 14:00\"\nuntil = \"day 2 10:30\""),
        event("gap", "percent = 4\nday = \"day 2\""),
        event("move", "percent = -8\nsector = \"Technology\"\nfrom = \"day 2 09:45\"\nuntil = \"10:00\""),
    ];
    Scenario::from_toml(&format!("name = \"{name}\"\n{}", events.concat())).unwrap()
}

fn start(market: &Market, first_day: &str) -> Result<(), JobError> {
    generator(market, date(first_day)).map(|_| ())
}

on_every_backend! {
    fn backfill_and_a_generator_that_is_restarted_at_every_turn_make_the_same_eventful_market(database: &Database) {
        let other = Database::new(database.backend);
        let whole = market_with(database, ModelKind::Full, &[eventful("a")]);
        fill(&whole, range(FIRST_DAY, "2026-03-04"), "2026-03-04 11:00:00").unwrap();
        for to in ["03-02 09:35", "03-02 10:07", "03-02 10:19", "03-02 14:30", "03-02 14:59", "03-03 09:40", "03-03 10:29", "03-04 10:59"] {
            let restarted = market_with(&other, ModelKind::Full, &[eventful("a")]);
            generate(&restarted, FIRST_DAY, &format!("2026-{to}"));
        }
        aggregate(&whole);
        aggregate(&market_with(&other, ModelKind::Full, &[]));
        assert_eq!(database.contents(), other.contents());
        assert_clean(&whole);
        let halted = "SELECT CAST(count(*) AS text) AS text FROM stock_halt";
        assert_eq!(database.value(halted), "12");
    }

    fn a_scenario_that_comes_later_changes_nothing_that_is_written(database: &Database) {
        let plain = Database::new(database.backend);
        generate(&market(&plain), FIRST_DAY, "2026-03-03 14:59");
        generate(&market(database), FIRST_DAY, "2026-03-03 10:00");
        let bars = "SELECT symbol || ' ' || time || ' ' || CAST(close AS text) AS text FROM market_klines ORDER BY time, symbol";
        let before = database.column(bars);
        let today = scenario(&event("move", "percent = 3\nfrom = \"2026-03-03 10:01\"\nuntil = \"11:00\""));
        let later = market_with(database, ModelKind::Gbm, &[today, eventful("later")]);
        generate(&later, FIRST_DAY, "2026-03-05 14:59");
        let after = database.column(bars);
        assert_eq!(after[..before.len()], before);
        assert_ne!(after[before.len()..before.len() + 1000], plain.column(bars)[before.len()..before.len() + 1000]);
        assert_eq!(
            database.column("SELECT name AS text FROM market_scenario ORDER BY id"),
            ["test".to_owned(), "later".to_owned()]
        );
        // Day 1 is the day after the one that was under way.
        let first = database.value("SELECT CAST(min(from_time) AS text) AS text FROM stock_halt");
        assert_eq!(first, at("2026-03-04 10:00:00").to_string());
        aggregate(&later);
        assert_clean(&later);
    }

    fn a_scenario_once_applied_holds_without_its_file_and_is_recognised_with_it(database: &Database) {
        let other = Database::new(database.backend);
        for (database, again) in [(database, vec![]), (&other, vec![eventful("a")])] {
            generate(&market_with(database, ModelKind::Gbm, &[eventful("a")]), FIRST_DAY, "2026-03-02 09:45");
            generate(&market_with(database, ModelKind::Gbm, &again), FIRST_DAY, "2026-03-04 09:45");
        }
        assert_eq!(database.contents(), other.contents());
        assert_eq!(database.value("SELECT CAST(count(*) AS text) AS text FROM stock_halt"), "12");
    }

    fn what_cannot_be_applied_is_refused_and_leaves_nothing(database: &Database) {
        generate(&market(database), FIRST_DAY, "2026-03-03 10:00");
        let refused = |events: &str| {
            let market = market_with(database, ModelKind::Gbm, &[scenario(events)]);
            start(&market, FIRST_DAY).unwrap_err().to_string()
        };
        let halt = "from = \"day 1 10:00\"\nuntil = \"10:20\"";
        for (events, said) in [
            (event("halt", "from = \"2026-03-03 10:00\"\nuntil = \"10:20\""), "bars are written up to 2026-03-03 10:00"),
            (event("gap", "percent = 3\nday = \"2026-03-03\""), "begins at 2026-03-03 09:30"),
            (event("halt", &format!("{halt}\nsymbol = \"NOBODY\"")), "symbol NOBODY, which stock_metadata does not have"),
            (event("halt", &format!("{halt}\nsector = \"technology\"")), "sector technology, which"),
            (event("halt", "from = \"2026-03-07 10:00\"\nuntil = \"10:20\""), "2026-03-07 is no trading day"),
            // The second of two is refused, and the first with it.
            (event("halt", halt) + &event("gap", "percent = 3\nday = \"2026-03-03\""), "begins at 2026-03-03 09:30"),
        ] {
            let error = refused(&events);
            assert!(error.contains(said), "{said:?} is not in {error:?}");
            assert_eq!(database.value("SELECT CAST(count(*) AS text) AS text FROM market_scenario"), "0");
        }
        start(&market_with(database, ModelKind::Gbm, &[eventful("test")]), FIRST_DAY).unwrap();
        assert!(refused(&event("halt", halt)).contains("a scenario test with other events is part of this market already"));
    }

    fn while_trade_is_halted_the_tables_say_so(database: &Database) {
        let market = market_with(database, ModelKind::Gbm, &[eventful("a")]);
        let mut generator = generator(&market, date(FIRST_DAY)).unwrap();
        let mut go = |to: &str| generator.advance(minute(to), &Stop::default()).unwrap();
        let halted = || database.column("SELECT symbol AS text FROM stock_state WHERE is_halted = true ORDER BY symbol").len();
        let shown = || market.store.status().unwrap().unwrap();
        go("2026-03-02 09:58");
        assert!(halted() == 0 && shown().is_trading());
        go("2026-03-02 09:59");
        assert!(halted() == 10 && !shown().is_trading() && shown().is_halted);
        go("2026-03-02 10:18");
        assert!(halted() == 10);
        go("2026-03-02 10:19");
        assert!(halted() == 0 && shown().is_trading());
        let bars = database.value("SELECT CAST(count(*) AS text) AS text FROM market_klines");
        assert_eq!(bars, "300");
        go("2026-03-02 14:59");
        assert_eq!(database.column("SELECT symbol AS text FROM stock_state WHERE is_halted = true"), ["TSLA"]);
        let last = database.value("SELECT CAST(last_update AS text) AS text FROM stock_state WHERE symbol = 'TSLA'");
        assert_eq!(last, at("2026-03-02 13:59:00").to_string());
    }

    fn a_market_in_a_halt_counts_as_even(database: &Database) {
        let market = market_with(database, ModelKind::Gbm, &[eventful("a")]);
        generate(&market, FIRST_DAY, "2026-03-03 10:00");
        assert!(market.is_even().unwrap());
        database.execute("DELETE FROM stock_halt WHERE symbol = 'TSLA'");
        assert!(!market.is_even().unwrap());
    }

    fn verify_sees_what_is_missing_beside_a_halt_and_what_is_there_in_one(database: &Database) {
        let market = market_with(database, ModelKind::Gbm, &[eventful("a")]);
        generate(&market, FIRST_DAY, "2026-03-03 14:59");
        aggregate(&market);
        assert_clean(&market);
        let (beside, inside) = (at("2026-03-03 10:30:00"), at("2026-03-03 10:29:00"));
        database.execute(&format!(
            "INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) SELECT symbol, interval, \
             {inside}, open, high, low, close, volume FROM market_klines WHERE symbol = 'TSLA' AND interval = '1m' AND time = {beside}"
        ));
        database.execute(&format!("DELETE FROM market_klines WHERE symbol = 'TSLA' AND interval = '1m' AND time = {beside}"));
        aggregate(&market);
        let problems: Vec<_> = verified(&market).findings.into_iter().map(|finding| finding.problem).collect();
        assert!(problems.iter().any(|problem| problem.ends_with("or in a halt")), "{problems:?}");
        assert!(problems.iter().any(|problem| problem == "is missing"), "{problems:?}");
    }

    fn a_scenario_for_a_symbol_that_is_added_with_it_is_applied(database: &Database) {
        generate(&market(database), FIRST_DAY, "2026-03-02 14:59");
        database.execute(
            "INSERT INTO stock_metadata (symbol, name, sector, base_price, base_volatility) VALUES ('NEW', 'New', 'New', 10, 0.02)",
        );
        let halt = scenario(&event("halt", "symbol = \"NEW\"\nfrom = \"day 1 09:30\"\nuntil = \"10:00\""));
        let market = market_with(database, ModelKind::Gbm, &[halt]);
        generate(&market, FIRST_DAY, "2026-03-03 09:40");
        // Halted since before its first bar, it has no state yet.
        assert_eq!(database.value("SELECT CAST(count(*) AS text) AS text FROM stock_state WHERE symbol = 'NEW'"), "0");
        generate(&market, FIRST_DAY, "2026-03-03 10:30");
        let first = "SELECT CAST(min(time) AS text) AS text FROM market_klines WHERE symbol = 'NEW'";
        assert_eq!(database.value(first), at("2026-03-03 10:00:00").to_string());
        aggregate(&market);
        assert_clean(&market);
        assert_eq!(market.store.halts().unwrap()[0].symbol, symbol("NEW"));
    }
}
