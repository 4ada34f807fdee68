//! Writing bars: atomic, idempotent, exact.

use std::sync::atomic::{AtomicBool, Ordering};

use klined::store::{Identity, MarketWrite, RollupWrite};
use klined_market::base::{Interval, Traded};
use klined_market::calendar::Hours;
use proptest::prelude::*;

use super::*;
use crate::on_every_backend;

/// Enough bars for PostgreSQL to take them by COPY.
const BULK: usize = 2_400;

fn atomic_with(database: &Database, batch: &MarketWrite) {
    let desk = Desk::of(database);
    let before = everything(database);
    for table in [
        "stock_listing",
        "rollup_watermark",
        "model_checkpoint",
        "market_klines",
        "stock_state",
        "stock_realtime_price",
        "market_status",
        "market_clock",
    ] {
        break_table(database, table, "INSERT");
        let error = desk.store.write(&desk.writer, batch).unwrap_err();
        assert!(error.to_string().contains("out of order") && !error.is_retriable(), "{table}: {error}");
        mend_table(database, table);
        assert_eq!(everything(database), before, "{table}");
    }
    desk.write(batch);
    assert_eq!(desk.minute_bars("AAA"), batch.bars);
}

on_every_backend! {
    fn a_batch_that_fails_in_any_part_leaves_nothing(database: &Database) {
        atomic_with(database, &full_batch("AAA", &minutes(5)));
    }

    fn a_bulk_that_fails_in_any_part_leaves_nothing(database: &Database) {
        atomic_with(database, &full_batch("AAA", &minutes(BULK)));
    }

    fn roll_ups_that_fail_in_their_last_part_leave_the_old_ones(database: &Database) {
        let desk = Desk::of(database);
        desk.write(&full_batch("AAA", &minutes(10)));
        let [first, last] = [minutes(1)[0], minutes(10)[9]];
        let write = |ticks, is_repaired| RollupWrite {
            replace_from: Some(UnixSeconds::EPOCH),
            bars: vec![(Interval::Minute5, bar(first, ticks, 1))],
            is_repaired,
            ..folding_to("AAA", last.start())
        };
        desk.fold(&[write(1000, false)]);
        database.execute(&format!("UPDATE market_klines SET volume = 7 WHERE time = {} AND interval = '1m'", last.start()));
        desk.tasks();
        let before = everything(database);
        for (table, operation) in [("rollup_watermark", "UPDATE"), ("rollup_dirty", "DELETE")] {
            break_table(database, table, operation);
            assert_query_fails(desk.store.write_rollups(&desk.aggregator, &[write(2000, true)]), OUT_OF_ORDER);
            mend_table(database, table);
            assert_eq!(everything(database), before, "{table}");
        }
        desk.fold(&[write(2000, true)]);
        assert_ne!(everything(database), before);
    }

    fn a_claim_that_cannot_fill_the_universe_is_no_claim(database: &Database) {
        let store = database.open();
        break_table(database, "stock_metadata", "INSERT");
        let identity = Identity { seed: 1, model: "gbm-1".to_owned(), hours: Hours::Sse };
        assert_query_fails(store.claim(&identity, &[super::market::stock("AAA")]), OUT_OF_ORDER);
        assert_eq!(store.identity().unwrap(), None);
    }

    fn a_removal_that_fails_removes_nothing(database: &Database) {
        let desk = Desk::of(database);
        desk.write(&full_batch("AAA", &minutes(5)));
        let before = everything(database);
        break_table(database, "stock_listing", "DELETE");
        assert_query_fails(desk.store.clear(&desk.writer, Some(&symbol("AAA"))), OUT_OF_ORDER);
        mend_table(database, "stock_listing");
        assert_eq!(everything(database), before);
        // What was put aside for the removal is in place again.
        desk.fold(&[folding_to("AAA", minutes(5)[4].start())]);
        database.execute("DELETE FROM market_klines");
        assert_eq!(desk.changes(), [("AAA".to_owned(), minutes(1)[0].start())]);
    }

    fn a_reader_sees_a_batch_whole_or_not_at_all(database: &Database) {
        let desk = Desk::of(database);
        let reader = database.open_empty();
        let minute = minutes(1)[0];
        let names: Vec<String> = (0..60).map(|i| format!("S{i:02}")).collect();
        let ranges: Vec<BarRange> = names.iter().map(|name| all_of(name, Interval::Minute1)).collect();
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=150 {
                    desk.write_bars(names.iter().map(|name| (symbol(name), bar(minute, round, round))).collect());
                }
                is_done.store(true, Ordering::Release);
            });
            let mut seen = 0;
            while seen < 150 {
                // Asked before reading, so that what is read after the last round must show it.
                let must_be_last = is_done.load(Ordering::Acquire);
                let found = reader.bars(&ranges, usize::MAX).unwrap();
                let volume = found.first().map_or(0, |row| row.volume);
                assert!(found.iter().all(|row| row.volume == volume), "rounds mixed: {found:?}");
                assert!(volume == 0 || found.len() == names.len());
                assert!(volume >= seen && !(must_be_last && volume < 150), "{volume} after {seen}");
                seen = volume;
            }
        });
    }

    fn the_same_batch_again_changes_nothing(database: &Database) {
        let desk = Desk::of(database);
        for batch in [full_batch("AAA", &minutes(5)), full_batch("BBB", &minutes(BULK))] {
            desk.write(&batch);
            let once = everything(database);
            desk.write(&batch);
            assert_eq!(everything(database), once);
        }
    }

    fn an_empty_batch_is_written_too(database: &Database) {
        let desk = Desk::of(database);
        desk.write(&MarketWrite::default());
        desk.fold(&[]);
        assert_eq!(everything(database), [""; 0]);
    }

    fn a_bar_written_again_takes_its_new_values(database: &Database) {
        let desk = Desk::of(database);
        for count in [5, BULK] {
            let minutes = minutes(count);
            desk.write_bars(bars_of("AAA", &minutes[..count - 1]));
            // All but the last are there: COPY fails half-way and every value must still arrive.
            let changed: Vec<_> = minutes.iter().map(|&minute| (symbol("AAA"), bar(minute, 77, 8))).collect();
            desk.write_bars(changed.clone());
            assert_eq!(desk.minute_bars("AAA"), changed);
        }
    }

    fn roll_ups_in_bulk_are_written_over_those_that_exist(database: &Database) {
        let desk = Desk::of(database);
        desk.write(&full_batch("AAA", &minutes(1)));
        let write = |ticks| {
            let bars = minutes(BULK).into_iter().map(|minute| (Interval::Minute5, bar(minute, ticks, 1))).collect();
            RollupWrite { bars, ..folding_to("AAA", minutes(1)[0].start()) }
        };
        desk.fold(&[write(5)]);
        desk.fold(&[write(6)]);
        let found = desk.bars("AAA", Interval::Minute5);
        assert_eq!(found.len(), BULK);
        assert!(found.iter().all(|row| row.ohlcv().unwrap().open() == price(6)));
    }

    fn only_roll_ups_from_an_instant_on_are_replaced(database: &Database) {
        let desk = Desk::of(database);
        let minutes = minutes(10);
        desk.write(&full_batch("AAA", &minutes));
        let both: Vec<_> = [minutes[0], minutes[5]].map(|first| (Interval::Minute5, bar(first, 5, 1))).to_vec();
        let other = RollupWrite { bars: both.clone(), ..folding_to("BBB", UnixSeconds::EPOCH) };
        desk.fold(&[RollupWrite { bars: both, ..folding_to("AAA", UnixSeconds::EPOCH) }, other]);
        desk.fold(&[RollupWrite { replace_from: Some(minutes[5].start()), ..folding_to("AAA", UnixSeconds::EPOCH) }]);
        let left: Vec<_> = desk.bars("AAA", Interval::Minute5).iter().map(|row| row.time).collect();
        assert_eq!(left, [minutes[0].start()]);
        assert_eq!(desk.bars("AAA", Interval::Minute1).len(), 10);
        assert_eq!(desk.bars("BBB", Interval::Minute5).len(), 2);
    }

    fn prices_and_volumes_come_back_as_they_were_written(database: &Database) {
        let desk = Desk::of(database);
        let ticks = prop_oneof![1..=9_999_999_999_i64, 1..=10_000_i64, 9_999_999_000..=9_999_999_999_i64];
        let turnover = prop_oneof![0..=Traded::TURNOVER_MAX, 0..=10_000_i64, Just(Traded::TURNOVER_MAX)];
        // By upsert, and by COPY.
        for count in [100, BULK] {
            let minutes = minutes(count);
            let values = prop::collection::vec(([ticks.clone(), ticks.clone(), ticks.clone(), ticks.clone()],
                0..=1_000_000_000_000_000_i64, prop::option::of((turnover.clone(), 0..=i64::MAX))), count);
            same_cases(3).run(&values, |values| {
                let bars: Vec<_> = values.iter().zip(&minutes).map(|((four, volume, traded), &first)| {
                    let mut four = *four;
                    four.sort_unstable();
                    let [low, open, close, high] = four.map(price);
                    let traded = traded.map(|(turnover, trades)| Traded::new(turnover, trades).unwrap());
                    let ohlcv = Ohlcv::new(open, high, low, close, *volume).unwrap().with_traded(traded);
                    (symbol("AAA"), Bar { first, ohlcv })
                }).collect();
                desk.write_bars(bars.clone());
                prop_assert_eq!(desk.minute_bars("AAA"), bars.clone());
                // SQLite shows fifteen digits of a double, whatever it holds.
                let turnover = match database.backend {
                    Backend::Postgres => "CAST(turnover AS text)",
                    Backend::Sqlite => "''",
                };
                let text = database.column(&format!("SELECT CAST(open AS text) || ' ' || CAST(high AS text) || ' ' || \
                     CAST(low AS text) || ' ' || CAST(close AS text) || ' ' || volume || ' ' || \
                     coalesce({turnover} || ' ' || trades, '-') AS text \
                     FROM market_klines ORDER BY time"));
                let show = |price: Price| match database.backend {
                    Backend::Postgres => price.to_string(),
                    Backend::Sqlite => format!("{:?}", price.units()),
                };
                let expected: Vec<_> = bars.iter().map(|(_, Bar { ohlcv, .. })| {
                    let prices = [ohlcv.open(), ohlcv.high(), ohlcv.low(), ohlcv.close()].map(show).join(" ");
                    let traded = ohlcv.traded().map_or("-".to_owned(), |traded| {
                        let turnover = match database.backend {
                            Backend::Postgres => format!("{}.{:02}", traded.turnover() / 100, traded.turnover() % 100),
                            Backend::Sqlite => String::new(),
                        };
                        format!("{turnover} {}", traded.trades())
                    });
                    format!("{prices} {} {traded}", ohlcv.volume())
                }).collect();
                prop_assert_eq!(text, expected);
                desk.store.clear(&desk.writer, Some(&symbol("AAA"))).unwrap();
                Ok(())
            }).unwrap();
        }
    }

    fn the_smallest_and_the_largest_price_fit(database: &Database) {
        let desk = Desk::of(database);
        let minutes = minutes(2);
        let bars = vec![
            (symbol("AAA"), Bar { first: minutes[0], ohlcv: Ohlcv::spanning(Price::MIN, Price::MIN, Price::MAX, Price::MIN, 0) }),
            (symbol("AAA"), bar(minutes[1], Price::MAX.ticks(), 1_000_000_000_000_000)),
        ];
        desk.write_bars(bars.clone());
        assert_eq!(desk.minute_bars("AAA"), bars);
        desk.write(&MarketWrite { snapshots: vec![quote("AAA", Price::MAX.ticks(), 0)], ..MarketWrite::default() });
        assert_eq!(desk.store.states().unwrap()[0].current_price, 99_999_999.99);
    }

    fn a_state_keeps_the_decimals_of_its_columns(database: &Database) {
        let desk = Desk::of(database);
        let wild = SymbolSnapshot { volatility: 0.123_456, change_percent: 123_456.789, ..quote("AAA", 1, 0) };
        let fine = SymbolSnapshot { volatility: 1.5, change_percent: -0.000_6, ..quote("BBB", 1, 0) };
        desk.write(&MarketWrite { snapshots: vec![wild, fine], ..MarketWrite::default() });
        let text = |column: &str, table: &str| -> Vec<f64> {
            let sql = format!("SELECT CAST({column} AS text) AS text FROM {table} ORDER BY symbol");
            database.column(&sql).iter().map(|text| text.parse().unwrap()).collect()
        };
        assert_eq!(text("volatility", "stock_state"), [0.1235, 1.5]);
        assert_eq!(text("trend", "stock_state"), [-0.15, -0.15]);
        assert_eq!(text("change_percent", "stock_realtime_price"), [999.999, -0.001]);
    }
}
