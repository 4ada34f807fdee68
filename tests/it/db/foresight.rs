//! Foresight: what is foreseen of the open minute is what the generator then writes, unless an operator makes it otherwise,
//! which shows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use klined::jobs::{Foreseen, Foresight, Generator, Market, Stop, past_tick_facts};
use klined::store::BarRange;
use klined_market::base::{Interval, MarketClock, Pace, Symbol, UnixNanos};
use klined_market::calendar::{Calendar, Hours, Minute, Overrides};
use klined_market::model::ModelKind;

use crate::on_every_backend;
use crate::support::database::Database;
use crate::support::market_builder::{at, fill, generate, market_under, minute, range, symbol};
use crate::support::{SHANGHAI, date};

/// Halts of one stock over the night, and of everybody in the next morning; a gap.
const EVENTS: &str = "
[[event]]
kind = \"halt\"
symbol = \"TSLA\"
from = \"2026-03-03 14:52\"
until = \"2026-03-04 09:40\"
[[event]]
kind = \"halt\"
from = \"2026-03-04 09:50\"
until = \"09:55\"
[[event]]
kind = \"gap\"
percent = 4
day = \"2026-03-04\"
";

/// A market that is written up to ten minutes before a close, and its generator.
fn begun(database: &Database, kind: ModelKind, events: &str) -> (Market, Generator) {
    let market = market_under(database, kind, "test", events);
    fill(&market, range("2026-03-02", "2026-03-03"), "2026-03-03 14:50:00").unwrap();
    let generator = restarted(&market);
    (market, generator)
}

fn restarted(market: &Market) -> Generator {
    let mut generator = Generator::start(market.clone(), &[], date("2026-03-02"), &Stop::default()).unwrap();
    generator.keep_time(Pace::Test { speed: 1.0 }, UnixNanos::EPOCH);
    generator
}

fn write_one(generator: &mut Generator) -> Minute {
    let next = generator.next().unwrap();
    assert_eq!(generator.advance(next, &Stop::default()).unwrap(), 1);
    next
}

fn everybody(market: &Market) -> BTreeSet<Symbol> {
    market.store.universe().unwrap().iter().map(|row| symbol(&row.symbol)).collect()
}

fn open(market: &Market) -> Minute {
    market.calendar.minute_starting(market.store.clock().unwrap().unwrap().open_minute).unwrap()
}

/// What is foreseen of the open minute for every traded stock.
fn foreseen(foresight: &mut Foresight, symbols: &BTreeSet<Symbol>) -> BTreeMap<Symbol, Foreseen> {
    let open = open(foresight.market());
    assert!(foresight.prepare(open).unwrap());
    symbols.iter().filter_map(|&symbol| Some((symbol, foresight.foresee(symbol).unwrap()?))).collect()
}

/// The bars of a minute.
fn written(market: &Market, symbols: &BTreeSet<Symbol>, minute: Minute) -> BTreeMap<Symbol, klined_market::bars::Bar> {
    let range = |&symbol| BarRange { symbol, interval: Interval::Minute1, from: minute.start(), to: minute.end() };
    let ranges: Vec<_> = symbols.iter().map(range).collect();
    let rows = market.store.bars(&ranges, usize::MAX).unwrap();
    rows.iter().map(|row| (ranges[row.range].symbol, row.parse(&market.calendar).unwrap())).collect()
}

fn bars_of(foreseen: &BTreeMap<Symbol, Foreseen>) -> BTreeMap<Symbol, klined_market::bars::Bar> {
    foreseen.iter().filter_map(|(symbol, foreseen)| Some((*symbol, foreseen.bar?))).collect()
}

fn is_law(database: &Database, kind: ModelKind) {
    let (market, mut generator) = begun(database, kind, EVENTS);
    write_one(&mut generator);
    let symbols = everybody(&market);
    let mut kept = Foresight::new(market.clone());
    let (mut minutes, mut halted) = (0, 0);
    while minutes < 60 {
        let ahead = foreseen(&mut kept, &symbols);
        assert_eq!(ahead.len(), 10);
        // One that begins at any minute foresees the same, and asking again changes nothing.
        if minutes % 7 == 0 {
            assert_eq!(foreseen(&mut Foresight::new(market.clone()), &symbols), ahead);
            assert_eq!(foreseen(&mut kept, &symbols), ahead);
        }
        let minute = write_one(&mut generator);
        assert_eq!(bars_of(&ahead), written(&market, &symbols, minute), "{minute}");
        let facts: BTreeMap<_, _> = ahead.iter().map(|(symbol, foreseen)| (*symbol, foreseen.facts)).collect();
        if minutes % 10 == 0 {
            assert_eq!(past_tick_facts(&market, &symbols, SHANGHAI.day_of(minute)).unwrap(), facts);
        }
        halted += ahead.values().filter(|foreseen| foreseen.bar.is_none()).count();
        minutes += 1;
        // Minutes that were never asked for are skipped.
        if minutes % 11 == 0 {
            write_one(&mut generator);
            write_one(&mut generator);
        }
    }
    assert!(SHANGHAI.day_of(open(&market)) == date("2026-03-04") && halted > 40, "{halted}");
    // A generator that is started again in the middle changes nothing.
    let ahead = foreseen(&mut kept, &symbols);
    drop(generator);
    let minute = write_one(&mut restarted(&market));
    assert_eq!(bars_of(&ahead), written(&market, &symbols, minute));
}

on_every_backend! {
    fn what_is_foreseen_is_what_is_written_under_the_plain_model(database: &Database) {
        is_law(database, ModelKind::Gbm);
    }

    fn what_is_foreseen_is_what_is_written_under_the_full_model(database: &Database) {
        is_law(database, ModelKind::Full);
    }

    fn the_first_minute_of_a_new_market_can_be_foreseen(database: &Database) {
        let market = market_under(database, ModelKind::Full, "test", "");
        let mut generator = restarted(&market);
        generator.keep_time(Pace::Live, UnixNanos::new(7));
        generator.show_session(at("2026-03-02 09:30:00")).unwrap();
        let first = MarketClock { pace: Pace::Live, open_minute: at("2026-03-02 09:30:00"), opened_at: UnixNanos::new(7) };
        assert_eq!(market.store.clock().unwrap(), Some(first));
        let symbols = everybody(&market);
        let ahead = foreseen(&mut Foresight::new(market.clone()), &symbols);
        let minute = write_one(&mut generator);
        assert_eq!((bars_of(&ahead), ahead.len()), (written(&market, &symbols, minute), 10));
    }

    fn a_universe_that_is_edited_before_the_open_shows_and_is_foreseen_from_then_on(database: &Database) {
        let (market, mut generator) = begun(database, ModelKind::Gbm, "");
        while SHANGHAI.index_in_day(write_one(&mut generator)) != 239 {}
        let mut symbols = everybody(&market);
        let mut foresight = Foresight::new(market.clone());
        let ahead = foreseen(&mut foresight, &symbols);
        database.execute(
            "UPDATE stock_metadata SET base_volatility = 0.09 WHERE symbol = 'AAPL'; \
             UPDATE stock_metadata SET is_active = false WHERE symbol = 'V'; \
             INSERT INTO stock_metadata (symbol, name, base_price, base_volatility) VALUES ('NEW', 'n', 10, 0.02)",
        );
        symbols.insert(symbol("NEW"));
        let minute = write_one(&mut generator);
        let came = written(&market, &symbols, minute);
        let differs = |name: &str| bars_of(&ahead).get(&symbol(name)) != came.get(&symbol(name));
        assert!(differs("AAPL") && differs("V") && differs("NEW") && !differs("MSFT"));
        // With the day's first minute the checkpoints are written, and are what counts.
        for _ in 0..3 {
            let ahead = foreseen(&mut foresight, &symbols);
            let minute = write_one(&mut generator);
            assert_eq!(bars_of(&ahead), written(&market, &symbols, minute));
            assert_eq!((ahead.len(), ahead.contains_key(&symbol("V"))), (10, false));
        }
    }

    fn a_scenario_that_a_restart_adds_shows_and_is_foreseen_from_then_on(database: &Database) {
        let (market, mut generator) = begun(database, ModelKind::Gbm, "");
        write_one(&mut generator);
        let symbols = everybody(&market);
        let mut foresight = Foresight::new(market.clone());
        let ahead = foreseen(&mut foresight, &symbols);
        drop(generator);
        let events = "[[event]]\nkind = \"move\"\npercent = 20\nfrom = \"2026-03-03 14:51\"\nuntil = \"14:54\"\n\
             [[event]]\nkind = \"halt\"\nsymbol = \"V\"\nfrom = \"2026-03-03 14:53\"\nuntil = \"14:55\"";
        let mut generator = restarted(&market_under(database, ModelKind::Gbm, "late", events));
        let minute = write_one(&mut generator);
        assert_ne!(bars_of(&ahead), written(&market, &symbols, minute));
        let mut halted = 0;
        for _ in 0..6 {
            let ahead = foreseen(&mut foresight, &symbols);
            let minute = write_one(&mut generator);
            assert_eq!(bars_of(&ahead), written(&market, &symbols, minute), "{minute}");
            halted += ahead.values().filter(|foreseen| foreseen.bar.is_none()).count();
        }
        assert_eq!(halted, 2);
    }

    fn a_day_that_is_closed_meanwhile_is_passed_over(database: &Database) {
        let (market, generator) = begun(database, ModelKind::Full, "");
        drop(generator);
        let closed = Calendar::with_overrides(Hours::Sse, &Overrides::parse(Hours::Sse, "closed 2026-03-04").unwrap());
        let (symbols, changed) = (everybody(&market), market.under(Arc::new(closed)));
        let mut foresight = Foresight::new(market);
        let mut generator = restarted(&changed);
        write_one(&mut generator);
        assert_eq!(foreseen(&mut foresight, &symbols).len(), 10);
        foresight.go_by(changed.clone());
        for _ in 0..12 {
            let ahead = foreseen(&mut foresight, &symbols);
            let minute = write_one(&mut generator);
            assert_eq!(bars_of(&ahead), written(&changed, &symbols, minute), "{minute}");
            assert_eq!(ahead.len(), 10);
        }
        assert_eq!(changed.calendar.day_of(open(&changed)), date("2026-03-05"));
    }

    fn a_stock_that_is_not_generated_or_not_asked_for_is_not_foreseen(database: &Database) {
        let (market, generator) = begun(database, ModelKind::Gbm, "");
        drop(generator);
        let only = [symbol("V"), symbol("JPM")];
        let mut generator = Generator::start(market.clone(), &only, date("2026-03-02"), &Stop::default()).unwrap();
        generator.keep_time(Pace::Live, UnixNanos::EPOCH);
        // For two minutes the others may be those of a late shard.
        for everybody_is_foreseen in [true, true, false] {
            write_one(&mut generator);
            let ahead = foreseen(&mut Foresight::new(market.clone()), &everybody(&market));
            assert_eq!(ahead.len() > only.len(), everybody_is_foreseen);
        }
        let mut foresight = Foresight::new(market.clone());
        let ahead = foreseen(&mut foresight, &everybody(&market));
        assert_eq!(ahead.keys().copied().collect::<BTreeSet<_>>(), BTreeSet::from(only));
        assert_eq!(foresight.computed(), 2);
        for name in ["NOBODY", "AAPL"] {
            assert_eq!(foresight.foresee(symbol(name)).unwrap(), None);
        }
        for _ in 0..5 {
            write_one(&mut generator);
            foreseen(&mut foresight, &BTreeSet::from([symbol("V")]));
        }
        assert_eq!(foresight.computed(), 7);
    }

    fn what_is_not_the_open_minute_is_not_foreseen(database: &Database) {
        let (market, mut generator) = begun(database, ModelKind::Gbm, "");
        let mut foresight = Foresight::new(market.clone());
        assert!(!foresight.prepare(minute("2026-03-03 14:50")).unwrap(), "no time is published yet");
        write_one(&mut generator);
        assert!(!foresight.prepare(minute("2026-03-03 14:50")).unwrap());
        assert!(foresight.prepare(minute("2026-03-03 14:51")).unwrap());
        drop(generator);
        // A writer that publishes no time goes on.
        generate(&market, "2026-03-02", "2026-03-03 14:55");
        assert_eq!(foreseen(&mut Foresight::new(market.clone()), &everybody(&market)), BTreeMap::new());
    }

    fn facts_of_past_days_are_those_of_the_day(database: &Database) {
        let market = market_under(database, ModelKind::Full, "test", "");
        database.execute("UPDATE stock_metadata SET board = 'main'");
        let mut generator = restarted(&market);
        let symbols = everybody(&market);
        let mut by_day = BTreeMap::new();
        for _ in 0..3 {
            let first = write_one(&mut generator);
            let ahead = foreseen(&mut Foresight::new(market.clone()), &symbols);
            let facts: BTreeMap<_, _> = ahead.iter().map(|(symbol, foreseen)| (*symbol, foreseen.facts)).collect();
            assert!(facts.values().all(|facts| facts.limits.is_some()));
            by_day.insert(SHANGHAI.day_of(first), facts);
            generator.advance(SHANGHAI.minute_of(SHANGHAI.day_of(first), 239).unwrap(), &Stop::default()).unwrap();
        }
        for (day, facts) in by_day {
            assert_eq!(past_tick_facts(&market, &symbols, day).unwrap(), facts, "{day}");
        }
    }
}
