//! Repair puts back what the function says, whatever was lost or edited, and changes nothing else.

use klined::jobs::{Generator, Market, Repair, Stop};
use klined::store::Role;
use klined_market::model::ModelKind;
use klined_testing::first_difference;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::verify::{damages, keep, put_back};
use crate::on_every_backend;
use crate::support::database::Database;
use crate::support::date;
use crate::support::market_builder::{
    Quiet, aggregate, assert_clean, fill, generate, market, market_under, minute, range, repaired,
};

/// Everything of a market, watermarks and parameters too.
fn everything(database: &Database) -> Vec<String> {
    let more = [
        "SELECT symbol || ' ' || folded_to AS text FROM rollup_watermark",
        "SELECT symbol || ' ' || CAST(first_day AS text) || ' ' || parameters AS text FROM stock_parameters",
        "SELECT seed || ' ' || model AS text FROM market_identity",
        "SELECT symbol AS text FROM rollup_dirty",
    ];
    let more = more.iter().flat_map(|sql| {
        let mut rows = database.column(sql);
        rows.sort();
        rows
    });
    database.contents().into_iter().chain(more).collect()
}

fn filled(database: &Database) -> Market {
    let market = market(database);
    fill(&market, range("2026-03-18", "2026-03-20"), "2026-03-20 20:00:00").unwrap();
    aggregate(&market);
    assert_clean(&market);
    market
}

/// Repairs, and compares with what was there before the damage.
fn assert_repaired(database: &Database, market: &Market, whole: &[String], damage: &str) {
    let plan = repaired(market);
    assert!(!plan.is_empty() && plan.beyond.is_empty(), "{damage}: {plan}");
    let differs = first_difference(&everything(database), whole);
    assert_eq!(differs, None, "{damage}: {plan}");
    assert_clean(market);
    let again = Repair::survey(market, false, &mut Quiet, &Stop::default()).unwrap();
    assert!(again.plan().is_empty(), "{damage}: {}", again.plan());
}

/// Damages that only repair has to find a way out of.
fn more_damages() -> Vec<String> {
    let noon = minute("2026-03-19 11:07").start();
    let v = format!("symbol = 'V' AND time > {noon}");
    let list = [
        "DELETE FROM market_klines",
        "DELETE FROM market_klines WHERE interval = '1m'",
        "DELETE FROM market_klines WHERE interval <> '1m'",
        "DELETE FROM market_klines WHERE interval = '1d'",
        "DELETE FROM model_checkpoint",
        "DELETE FROM stock_state",
        "DELETE FROM stock_listing",
        "DELETE FROM stock_parameters",
        "DELETE FROM stock_listing; DELETE FROM stock_parameters",
        "DELETE FROM rollup_watermark",
        "DELETE FROM rollup_watermark; DELETE FROM market_klines WHERE interval = '5m'",
        "UPDATE rollup_watermark SET folded_to = folded_to + 60 WHERE symbol = 'V'",
        "UPDATE rollup_watermark SET folded_to = folded_to - 600 WHERE symbol = 'V'",
        "UPDATE rollup_watermark SET symbol = 'VV' WHERE symbol = 'V'",
        "UPDATE stock_state SET symbol = 'VV' WHERE symbol = 'V'",
        "UPDATE stock_state SET last_update = last_update - 600 WHERE symbol = 'V'",
        "UPDATE stock_state SET last_update = last_update + 1 WHERE symbol = 'V'",
        "UPDATE model_checkpoint SET day = '2026-03-19' WHERE symbol = 'V'",
        "UPDATE stock_listing SET last_day = '2026-03-19' WHERE symbol = 'V'",
        "UPDATE market_klines SET close = close + 0.01 WHERE interval = '1w'",
        "INSERT INTO stock_halt (symbol, from_time, until_time) VALUES ('V', 1773885600, 1773889200)",
    ];
    let mut all: Vec<String> = list.map(str::to_owned).into();
    all.push(format!("UPDATE market_klines SET time = time + 7 WHERE {v} AND interval = '1m' AND time < {noon} + 600"));
    all.push(format!("DELETE FROM market_klines WHERE {v}; DELETE FROM stock_state WHERE symbol = 'V'"));
    all
}

on_every_backend! {
    fn every_damage_is_put_right(database: &Database) {
        let market = filled(database);
        let whole = everything(database);
        keep(database);
        let found_elsewhere = damages().into_iter().map(|(damage, _)| damage);
        for damage in found_elsewhere.chain(more_damages()) {
            database.execute(&damage);
            assert_repaired(database, &market, &whole, &damage);
            put_back(database);
        }
    }

    fn what_the_roll_ups_follow_is_put_right_with_them(database: &Database) {
        let market = filled(database);
        let whole = everything(database);
        for edit in ["volume = volume + 1", "high = high + 0.01", "close = high"] {
            let damage = format!("UPDATE market_klines SET {edit} WHERE symbol IN ('V', 'JPM') AND interval = '1m' AND time < 1773890000");
            database.execute(&damage);
            aggregate(&market);
            assert_repaired(database, &market, &whole, &damage);
        }
    }

    fn a_stock_that_is_months_ahead_comes_back(database: &Database) {
        let market = filled(database);
        let whole = everything(database);
        keep(database);
        fill(&market, range("2026-03-18", "2026-05-29"), "2026-06-01 20:00:00").unwrap();
        database.execute("UPDATE stock_metadata SET base_volatility = 0.04 WHERE symbol = 'V'");
        generate(&market, "2026-03-18", "2026-06-01 10:00");
        let others = "symbol <> 'V'";
        database.execute(&format!("DELETE FROM market_klines WHERE {others} AND time > 1774000000"));
        for table in ["stock_state", "stock_realtime_price", "model_checkpoint", "rollup_watermark"] {
            database.execute(&format!("DELETE FROM {table} WHERE {others}; INSERT INTO {table} SELECT * FROM kept_{table} WHERE {others}"));
        }
        database.execute("DELETE FROM market_status; INSERT INTO market_status SELECT * FROM kept_market_status");
        database.execute("DELETE FROM market_klines WHERE symbol <> 'V'; INSERT INTO market_klines SELECT * FROM kept_market_klines WHERE symbol <> 'V'; DELETE FROM rollup_dirty");
        assert_repaired(database, &market, &whole, "V is months ahead");
    }

    fn flipped_bits_of_values_are_put_right(database: &Database) {
        let market = filled(database);
        let whole = everything(database);
        keep(database);
        let mut draws = StdRng::seed_from_u64(15);
        let rows = database.column("SELECT symbol || '|' || interval || '|' || time AS text FROM market_klines ORDER BY symbol, interval, time");
        for _ in 0..30 {
            let row = rows[draws.random_range(0..rows.len())].split('|').map(str::to_owned).collect::<Vec<_>>();
            let place = format!("symbol = '{}' AND interval = '{}' AND time = {}", row[0], row[1], row[2]);
            let bit = 1_u64 << draws.random_range(0..12);
            let edit = match draws.random_range(0..6) {
                0 => format!("volume = (volume | {bit}) - (volume & {bit})"),
                1 => format!("time = time + {bit}"),
                2 => format!("open = open + {bit} * 0.01"),
                3 => format!("high = high + {bit} * 0.01"),
                4 => format!("low = low + {bit} * 0.01"),
                _ => format!("close = close + {bit} * 0.01"),
            };
            let damage = format!("UPDATE market_klines SET {edit} WHERE {place}");
            // The key keeps a bar from the place of another, and the checks keep what is no bar out.
            if database.try_execute(&damage).is_err() || everything(database)[..rows.len()] == whole[..rows.len()] {
                continue;
            }
            assert_repaired(database, &market, &whole, &damage);
        }
    }

    fn scenarios_and_edits_of_the_universe_stay(database: &Database) {
        let halts = "[[event]]\nkind = \"halt\"\nsymbol = \"V\"\nfrom = \"day 2 10:00\"\nuntil = \"11:00\"\n\
                     [[event]]\nkind = \"halt\"\nfrom = \"day 3 10:00\"\nuntil = \"11:00\"\n\
                     [[event]]\nkind = \"gap\"\npercent = -5\nday = \"day 3\"";
        for (kind, end) in [(ModelKind::Gbm, "2026-03-17 10:31"), (ModelKind::Full, "2026-03-18 10:31"), (ModelKind::Full, "2026-03-19 10:31")] {
            let database = &Database::new(database.backend);
            let market = market_under(database, kind, "s", halts);
            generate(&market, "2026-03-16", "2026-03-16 14:59");
            database.execute("UPDATE stock_metadata SET base_volatility = 0.04 WHERE symbol = 'V'");
            database.execute("UPDATE stock_metadata SET is_active = (symbol <> 'JPM')");
            generate(&market, "2026-03-16", end);
            aggregate(&market);
            assert_clean(&market);
            let plan = repaired(&market);
            assert!(plan.is_empty(), "{plan}");
            let whole = everything(database);
            keep(database);
            for damage in [
                "DELETE FROM stock_state WHERE symbol IN ('V', 'JPM')",
                "DELETE FROM stock_halt",
                "DELETE FROM model_checkpoint WHERE symbol IN ('V', 'JPM')",
                "DELETE FROM market_klines WHERE symbol = 'V'",
                "DELETE FROM market_klines WHERE interval = '1m' AND symbol <> 'V'",
                "DELETE FROM stock_listing WHERE symbol IN ('V', 'JPM')",
            ] {
                database.execute(damage);
                if first_difference(&everything(database), &whole).is_some() {
                    assert_repaired(database, &market, &whole, damage);
                }
                put_back(database);
            }
        }
    }

    fn a_repair_that_was_cut_short_goes_on(database: &Database) {
        let market = filled(database);
        let whole = everything(database);
        let damage = "DELETE FROM market_klines WHERE symbol IN ('V', 'JPM', 'TSLA') AND time < 1773900000;
                      DELETE FROM stock_state; UPDATE market_status SET session_end = session_end + 60";
        database.execute(damage);
        for _ in 0..2 {
            let repair = Repair::survey(&market, false, &mut Quiet, &Stop::default()).unwrap();
            let stop = Stop::default();
            let is_whole = repair.apply(&mut StopAtOnce(stop.clone(), 2), &stop).unwrap();
            assert!(!is_whole && !repair.plan().is_empty());
        }
        assert!(first_difference(&everything(database), &whole).is_some());
        assert_repaired(database, &market, &whole, damage);
    }

    fn nothing_is_repaired_beside_a_daemon_or_by_another_seed(database: &Database) {
        let market = filled(database);
        database.execute("DELETE FROM stock_state");
        let before = everything(database);
        for role in [Role::Writer, Role::Aggregator] {
            let _lease = market.store.acquire(role).unwrap();
            let refusal = Repair::survey(&market, false, &mut Quiet, &Stop::default()).map(drop).unwrap_err().to_string();
            assert!(refusal.contains("another process is this database's"), "{refusal}");
        }
        database.execute("UPDATE market_identity SET seed = '43'");
        let other = Market::assume(market.store.clone(), market.calendar.clone(), Default::default(), None).unwrap();
        let refusal = Repair::survey(&other, false, &mut Quiet, &Stop::default()).map(drop).unwrap_err().to_string();
        assert!(refusal.contains("not those that seed 43"), "{refusal}");
        database.execute("UPDATE market_identity SET seed = '42'");
        assert_eq!(everything(database), before);
    }

    fn edits_are_kept_when_they_are_to_be(database: &Database) {
        let market = filled(database);
        let at = minute("2026-03-19 10:07").start();
        database.execute(&format!("UPDATE market_klines SET volume = volume + 1 WHERE symbol = 'V' AND time = {at}"));
        aggregate(&market);
        let edited = everything(database);
        database.execute("DELETE FROM market_klines WHERE symbol = 'V' AND interval = '1m' AND time > 1773990000");
        aggregate(&market);
        let repair = Repair::survey(&market, true, &mut Quiet, &Stop::default()).unwrap();
        assert_eq!((repair.plan().changes.replaced, repair.plan().report.differing), (0, 1));
        assert!(repair.apply(&mut Quiet, &Stop::default()).unwrap());
        assert_eq!(first_difference(&everything(database), &edited), None);
        drop(repair);
        // And the generator goes on from it.
        Generator::start(market, &[], date("2026-03-18"), &Stop::default()).map(drop).unwrap();
    }
}

/// Asks to stop after so many steps.
struct StopAtOnce(Stop, u64);

impl klined::jobs::Progress for StopAtOnce {
    fn begin(&mut self, _steps: u64) {}

    fn advance(&mut self, _steps: u64) {
        self.1 -= 1;
        if self.1 == 0 {
            self.0.ask();
        }
    }
}
