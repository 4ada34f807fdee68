//! Whose market it is, its universe, where its symbols stand, and its removal.

use std::collections::BTreeMap;

use klined::store::{BarStore, Identity, PriceRow, StoreError, SymbolProgress};
use klined_market::base::instrument::InstrumentParameters;
use klined_market::base::{Instrument, SectorKey};
use klined_market::calendar::Hours;
use klined_market::universe::UniverseRow;
use proptest::prelude::*;

use super::*;
use crate::on_every_backend;

pub fn stock(name: &str) -> UniverseRow {
    UniverseRow {
        symbol: name.to_owned(),
        name: format!("{name} 株式会社 'n' \"co\""),
        sector: "Tech; DROP TABLE".to_owned(),
        base_price: 150.25,
        base_volatility: 0.0251,
        board: "star".to_owned(),
        is_st: true,
        beta: 1.2345,
        daily_turnover: 98_765_432_109.87,
        is_active: true,
        drift: -0.0525,
        min_price: Some(10.01),
        max_price: (name != "NEW").then_some(1000.5),
    }
}

/// Symbols, prices and last bars in `stock_state`.
fn shown(store: &dyn BarStore) -> Vec<(String, f64, UnixSeconds)> {
    store.states().unwrap().into_iter().map(|row| (row.symbol, row.current_price, row.last_update)).collect()
}

fn identity(seed: u64, model: &str) -> Identity {
    Identity { seed, model: model.to_owned(), hours: Hours::Sse }
}

on_every_backend! {
    fn an_empty_universe_is_filled_with_the_first_claim_only(database: &Database) {
        let store = database.open();
        assert_eq!(store.identity().unwrap(), None);
        let whose = identity(u64::MAX, "gbm-1");
        let idle = UniverseRow { is_active: false, sector: String::new(), ..stock("ZZZ") };
        store.claim(&whose, &[idle.clone(), stock("AAA")]).unwrap();
        assert_eq!(store.identity().unwrap(), Some(whose.clone()));
        assert_eq!(store.universe().unwrap(), [stock("AAA"), idle]);
        // An operator empties a table on purpose.
        database.execute("DELETE FROM stock_metadata");
        store.claim(&whose, &[stock("AAA")]).unwrap();
        assert_eq!(store.universe().unwrap(), []);
    }

    fn a_universe_that_is_there_before_the_first_claim_stays(database: &Database) {
        let store = database.open();
        database.execute(
            "INSERT INTO stock_metadata (symbol, name, base_price, base_volatility) VALUES ('OWN', 'mine', 1, 0.5)",
        );
        store.claim(&identity(1, "gbm-1"), &[stock("AAA")]).unwrap();
        let found = store.universe().unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].symbol.as_str(), found[0].sector.as_str(), found[0].is_active), ("OWN", "", true));
    }

    fn another_seed_or_model_is_refused_and_changes_nothing(database: &Database) {
        let store = database.open();
        let whose = identity(7, "gbm-1");
        store.claim(&whose, &[]).unwrap();
        let before = everything(database);
        for wanted in [identity(8, "gbm-1"), identity(7, "gbm-2")] {
            match store.claim(&wanted, &[stock("AAA")]) {
                Err(StoreError::OtherMarket { found, wanted: said }) => assert_eq!((found, said), (whose.clone(), wanted)),
                other => panic!("{other:?}"),
            }
            assert_eq!(everything(database), before);
        }
        store.claim(&whose, &[stock("AAA")]).unwrap();
        assert_eq!(everything(database), before);
    }

    fn of_two_that_claim_at_once_one_wins(database: &Database) {
        let stores = [database.open(), database.open_empty()];
        let outcomes = std::thread::scope(|scope| {
            let claims: Vec<_> = stores.iter().zip(1..).map(|(store, seed)| {
                scope.spawn(move || store.claim(&identity(seed, "gbm-1"), &[stock("AAA")]).is_ok())
            }).collect();
            claims.into_iter().map(|claim| claim.join().unwrap()).collect::<Vec<_>>()
        });
        let winner = 1 + outcomes.iter().position(|&is_ok| is_ok).unwrap() as u64;
        assert_eq!(outcomes.iter().filter(|&&is_ok| is_ok).count(), 1);
        assert_eq!(stores[0].identity().unwrap(), Some(identity(winner, "gbm-1")));
        assert_eq!(stores[0].universe().unwrap(), [stock("AAA")]);
    }

    fn rows_of_the_universe_with_bad_values_come_back_as_they_are(database: &Database) {
        let store = database.open();
        database.execute(
            "INSERT INTO stock_metadata (symbol, name, base_price, base_volatility, is_active) VALUES \
             ('no symbol!', 'a', 10, 0.02, true), ('NEG', 'b', -5, 0.02, true), ('WILD', 'c', 10, 7, false), \
             ('', '', 0, 0, true), ('GOOD', 'd', 10, 0.02, true)",
        );
        let found = store.universe().unwrap();
        let seen: Vec<_> = found.iter().map(|row| (&*row.symbol, row.base_price, row.base_volatility)).collect();
        let expected =
            [("", 0.0, 0.0), ("GOOD", 10.0, 0.02), ("NEG", -5.0, 0.02), ("WILD", 10.0, 7.0), ("no symbol!", 10.0, 0.02)];
        assert_eq!(seen, expected);
        let good: Vec<_> = found.iter().filter(|row| row.instrument().is_ok()).map(|row| &*row.symbol).collect();
        assert_eq!(good, ["GOOD"]);
    }

    fn where_symbols_stand_comes_back_in_order(database: &Database) {
        let desk = Desk::of(database);
        let (first, later) = (date(DAY), date("2026-01-06"));
        // Bytes order these; a database's own collation would not.
        let names = ["a", "B", "_"];
        desk.write(&MarketWrite {
            checkpoints: names.map(|name| checkpoint(name, first)).to_vec(),
            snapshots: vec![quote("a", 1234, 60), quote("B", 1, 120)],
            listings: vec![
                listing("a", DAY, None),
                listing("B", "2026-02-02", None),
                listing("B", DAY, Some("2026-01-09")),
                listing("_", DAY, Some("2026-01-05")),
            ],
            ..MarketWrite::default()
        });
        let row = |name, last_bar: Option<i64>, is_listed| SymbolProgress { checkpoint: checkpoint(name, first), last_bar: last_bar.map(UnixSeconds::new), is_listed };
        assert_eq!(desk.store.progress().unwrap(), [row("B", Some(120), true), row("_", None, false), row("a", Some(60), true)]);
        assert_eq!(desk.store.listings().unwrap(), [
            listing("B", DAY, Some("2026-01-09")),
            listing("B", "2026-02-02", None),
            listing("_", DAY, Some("2026-01-05")),
            listing("a", DAY, None),
        ]);
        let state = |name: &str, price, last_update| (name.to_owned(), price, UnixSeconds::new(last_update));
        assert_eq!(shown(&*desk.store), [state("B", 0.01, 120), state("a", 12.34, 60)]);
        assert_eq!(desk.store.watermarks().unwrap(), BTreeMap::from(names.map(|name| (symbol(name), UnixSeconds::EPOCH))));

        desk.write(&MarketWrite {
            checkpoints: vec![checkpoint("a", later)],
            snapshots: vec![quote("a", 1300, 180)],
            listings: vec![listing("a", DAY, Some("2026-01-06"))],
            ..MarketWrite::default()
        });
        desk.fold(&[("a", 180), ("NEW", 9)].map(|(name, to)| folding_to(name, UnixSeconds::new(to))));
        let moved = SymbolProgress { checkpoint: checkpoint("a", later), last_bar: Some(UnixSeconds::new(180)), is_listed: false };
        assert_eq!(desk.store.progress().unwrap()[2], moved);
        assert_eq!(desk.store.listings().unwrap()[3], listing("a", DAY, Some("2026-01-06")));
        assert_eq!(shown(&*desk.store)[1], state("a", 13.0, 180));
        let watermarks = [("B", 0), ("_", 0), ("a", 180)].map(|(name, to)| (symbol(name), UnixSeconds::new(to)));
        assert_eq!(desk.store.watermarks().unwrap(), BTreeMap::from(watermarks));
        // Listed anew, its watermark stays.
        desk.write(&MarketWrite { listings: vec![listing("a", "2026-02-02", None)], ..MarketWrite::default() });
        assert_eq!(desk.store.watermarks().unwrap(), BTreeMap::from(watermarks));
    }

    fn prices_are_of_the_stocks_that_have_a_bar(database: &Database) {
        let desk = Desk::of(database);
        let idle = UniverseRow { is_active: false, ..stock("b") };
        desk.store.claim(&identity(1, "gbm-1"), &[idle.clone(), stock("AAA"), stock("NEW")]).unwrap();
        let halted = SymbolSnapshot { is_halted: true, ..quote("AAA", 1234, 120) };
        desk.write(&MarketWrite { snapshots: vec![quote("b", 99, 60), halted, quote("GONE", 1, 60)], ..MarketWrite::default() });
        let row = |of: &UniverseRow, price, last_update, is_halted| PriceRow {
            symbol: symbol(&of.symbol),
            name: of.name.clone(),
            sector: of.sector.clone(),
            board: of.board.clone(),
            is_active: of.is_active,
            price,
            change_percent: Some(-1.5),
            volume: Some(12_300),
            last_update: UnixSeconds::new(last_update),
            is_halted,
        };
        let expected = [row(&stock("AAA"), 12.34, 120, true), row(&idle, 0.99, 60, false)];
        assert_eq!(desk.store.prices().unwrap(), expected);
        // As a crash of the server leaves it.
        database.execute("DELETE FROM stock_realtime_price");
        let bare = expected.map(|row| PriceRow { change_percent: None, volume: None, ..row });
        assert_eq!(desk.store.prices().unwrap(), bare);
    }

    fn the_markets_status_is_the_last_one_written(database: &Database) {
        let desk = Desk::of(database);
        assert_eq!(desk.store.status().unwrap(), None);
        for (session, time) in [(Session::Morning, 600), (Session::Closed, 700), (Session::Afternoon, 800)] {
            desk.write(&MarketWrite { status: Some(status(session, time)), ..MarketWrite::default() });
            assert_eq!(desk.store.status().unwrap(), Some(status(session, time)));
            let is_trading = database.value("SELECT CASE WHEN is_trading THEN 'yes' ELSE 'no' END AS text FROM market_status");
            assert_eq!(is_trading, if session == Session::Closed { "no" } else { "yes" });
        }
    }

    fn a_checkpoint_comes_back_bit_for_bit(database: &Database) {
        let desk = Desk::of(database);
        let number = || prop_oneof![1.0..1e10_f64, 0.0..1.0_f64, any::<f64>().prop_filter("finite", |f| f.is_finite())];
        let values = prop::collection::vec((number(), number(), any::<u16>(), 1..=9_999_999_999_i64), 50);
        same_cases(10).run(&values, |values| {
            let checkpoints: Vec<Checkpoint> = values.iter().zip(0..).map(|(&(price, base_volatility, left, ticks), i)| {
                let state = serde_json::json!({"gbm": {"price_ticks": price,
                    "chain": {"regime": "bear", "minutes_left": left}}});
                let plain = Instrument::parse("ANY", 1.0, 0.02).unwrap();
                let parameters = InstrumentParameters {
                    base_price_ticks: ticks,
                    base_volatility,
                    sector: SectorKey::of(&left.to_string()),
                    ..InstrumentParameters::of(&plain)
                };
                let opening = Opening { parameters, state: serde_json::from_value(state).unwrap() };
                Checkpoint { symbol: symbol(&format!("S{i:02}")), day: date(DAY), opening }
            }).collect();
            desk.write(&MarketWrite { checkpoints: checkpoints.clone(), ..MarketWrite::default() });
            for (row, (price, volatility, ..)) in desk.store.progress().unwrap().iter().zip(&values) {
                let opening = &row.checkpoint.opening;
                prop_assert_eq!(opening.parameters.base_volatility.to_bits(), volatility.to_bits());
                let inside = crate::support::market::inside(&opening.state);
                prop_assert_eq!(inside.price_ticks.to_bits(), price.to_bits());
            }
            let found: Vec<Checkpoint> = desk.store.progress().unwrap().into_iter().map(|row| row.checkpoint).collect();
            prop_assert_eq!(found, checkpoints);
            Ok(())
        }).unwrap();
    }

    fn what_cannot_be_read_is_named(database: &Database) {
        let desk = Desk::of(database);
        desk.write(&full_batch("AAA", &minutes(1)));
        database.execute("UPDATE model_checkpoint SET opening = '{}'");
        let error = desk.store.progress().unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }) && !error.is_retriable());
        assert!(error.to_string().contains("model_checkpoint.opening of AAA"), "{error}");
    }

    fn one_symbol_is_removed_without_a_trace(database: &Database) {
        let desk = Desk::of(database);
        desk.store.claim(&identity(1, "gbm-1"), &[stock("AAA"), stock("BBB")]).unwrap();
        desk.write(&full_batch("AAA", &minutes(10)));
        desk.fold(&[folding_to("AAA", minutes(10)[9].start())]);
        let before = everything(database);
        desk.write(&full_batch("BBB", &minutes(10)));
        let last = minutes(10)[9].start();
        desk.fold(&[RollupWrite { bars: vec![(Interval::Day, bar(minutes(1)[0], 1, 1))], ..folding_to("BBB", last) }]);
        database.execute("UPDATE market_klines SET volume = volume + 1 WHERE symbol = 'BBB'");
        desk.store.clear(&desk.writer, Some(&symbol("BBB"))).unwrap();
        assert_eq!(everything(database), before);
        assert_eq!(desk.tasks(), []);
        notes_work_again(database, &desk);
    }

    fn the_whole_market_is_removed_but_for_its_universe(database: &Database) {
        let desk = Desk::of(database);
        desk.store.claim(&identity(1, "gbm-1"), &[stock("AAA")]).unwrap();
        desk.write(&full_batch("AAA", &minutes(10)));
        desk.fold(&[folding_to("AAA", minutes(10)[9].start())]);
        database.execute("UPDATE market_klines SET volume = volume + 1");
        desk.store.clear(&desk.writer, None).unwrap();
        assert_eq!(everything(database), [format!("stock AAA {}", stock("AAA").name)]);
        assert_eq!(desk.store.identity().unwrap(), None);
        // It can be another's now, under the same lease.
        desk.store.claim(&identity(2, "gbm-1"), &[stock("BBB")]).unwrap();
        assert_eq!(desk.store.universe().unwrap(), [stock("AAA")]);
        desk.write(&full_batch("AAA", &minutes(10)));
        notes_work_again(database, &desk);
    }
}

fn notes_work_again(database: &Database, desk: &Desk) {
    let first = minutes(1)[0].start();
    desk.fold(&[folding_to("AAA", minutes(10)[9].start())]);
    for sql in [
        format!("UPDATE market_klines SET volume = 3 WHERE time = {first}"),
        format!("DELETE FROM market_klines WHERE time = {first}"),
        format!(
            "INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) \
             VALUES ('AAA', '1m', {first}, 1, 1, 1, 1, 1)"
        ),
    ] {
        database.execute(&sql);
        assert_eq!(desk.changes(), [("AAA".to_owned(), first)], "{sql}");
        desk.fold(&[RollupWrite { is_repaired: true, ..folding_to("AAA", minutes(10)[9].start()) }]);
    }
}
