//! Reading bars: ranges, order, limits.

use klined_market::base::Interval;

use super::*;
use crate::on_every_backend;

fn range(name: &str, from: Minute, to: Minute) -> BarRange {
    BarRange { symbol: symbol(name), interval: Interval::Minute1, from: from.start(), to: to.start() }
}

/// Of each row the place of its range and its time.
fn places(rows: &[StoredBar]) -> Vec<(usize, UnixSeconds)> {
    rows.iter().map(|row| (row.range, row.time)).collect()
}

on_every_backend! {
    fn bars_come_in_order_of_time_however_they_were_written(database: &Database) {
        let desk = Desk::of(database);
        let minutes = minutes(600);
        let bars = bars_of("AAA", &minutes);
        for start in [400, 0, 200] {
            desk.write_bars(bars[start..start + 200].to_vec());
        }
        assert_eq!(desk.minute_bars("AAA"), bars);
    }

    fn a_range_holds_its_first_label_and_not_its_last(database: &Database) {
        let desk = Desk::of(database);
        let minutes = minutes(5);
        desk.write_bars(bars_of("AAA", &minutes));
        let found = desk.store.bars(&[range("AAA", minutes[1], minutes[3])], 100).unwrap();
        assert_eq!(places(&found), [(0, minutes[1].start()), (0, minutes[2].start())]);
        for (from, to) in [(2, 2), (3, 1)] {
            assert_eq!(desk.store.bars(&[range("AAA", minutes[from], minutes[to])], 100).unwrap(), []);
        }
        let all = BarRange { from: UnixSeconds::MIN, ..all_of("AAA", Interval::Minute1) };
        assert_eq!(desk.store.bars(&[all], usize::MAX).unwrap().len(), 5);
    }

    fn ranges_are_distinguished_by_their_place(database: &Database) {
        let desk = Desk::of(database);
        let minutes = minutes(4);
        desk.write_bars(bars_of("BBB", &minutes));
        desk.write_bars(bars_of("AAA", &minutes[..1]));
        let ranges = [
            range("BBB", minutes[2], minutes[3]),
            all_of("NONE", Interval::Minute1),
            all_of("BBB", Interval::Minute5),
            all_of("AAA", Interval::Minute1),
            range("BBB", minutes[0], minutes[2]),
            range("BBB", minutes[1], minutes[2]),
        ];
        let time = |place: usize| minutes[place].start();
        let expected = [(0, time(2)), (3, time(0)), (4, time(0)), (4, time(1)), (5, time(1))];
        assert_eq!(places(&desk.store.bars(&ranges, 100).unwrap()), expected);
        // A limit counts over all ranges.
        for limit in 0..=expected.len() {
            assert_eq!(places(&desk.store.bars(&ranges, limit).unwrap()), expected[..limit]);
        }
        assert_eq!(desk.store.bars(&[], 100).unwrap(), []);
    }

    fn every_interval_is_kept_apart(database: &Database) {
        let desk = Desk::of(database);
        let first = minutes(1)[0];
        desk.write(&full_batch("AAA", &[first]));
        let bars = Interval::ROLLED.into_iter().zip(2..).map(|(interval, ticks)| (interval, bar(first, ticks, 1)));
        desk.fold(&[RollupWrite { bars: bars.collect(), ..folding_to("AAA", first.start()) }]);
        for (interval, ticks) in Interval::ROLLED.into_iter().zip(2..) {
            let [row] = desk.bars("AAA", interval)[..] else { panic!("{interval}") };
            assert_eq!(row.parse(&SHANGHAI).unwrap(), bar(first, ticks, 1));
        }
    }

    fn a_bar_that_is_none_comes_back_as_it_stands(database: &Database) {
        let desk = Desk::of(database);
        let first = minutes(1)[0].start();
        database.execute(&format!(
            "INSERT INTO market_klines (symbol, interval, time, open, high, low, close, volume) \
             VALUES ('AAA', '1m', {first}, -5, 0.5, 2, 1, -7), ('AAA', '1m', {first} + 1, 1, 1, 1, 1, 1)"
        ));
        let rows = desk.bars("AAA", Interval::Minute1);
        let as_it_stands = StoredBar { range: 0, time: first, open: -5.0, high: 0.5, low: 2.0, close: 1.0, volume: -7, turnover: None, trades: None };
        assert_eq!(rows[0], as_it_stands);
        assert!(rows[0].ohlcv().unwrap_err().to_string().starts_with("-5 is not a price"));
        assert!(rows[1].ohlcv().is_ok());
        let off = format!("Unix second {} is not the start of a trading minute", rows[1].time);
        assert_eq!(rows[1].parse(&SHANGHAI).unwrap_err().to_string(), off);
    }

    fn the_newest_bars_of_each_range_come_in_order_of_time(database: &Database) {
        let desk = Desk::of(database);
        let minutes = minutes(300);
        desk.write_bars(bars_of("AAA", &minutes));
        desk.write_bars(bars_of("BBB", &minutes[..2]));
        let ranges = [
            all_of("AAA", Interval::Minute1),
            all_of("NONE", Interval::Minute1),
            all_of("BBB", Interval::Minute1),
            range("AAA", minutes[10], minutes[12]),
            range("AAA", minutes[0], minutes[200]),
        ];
        let time = |place: usize| minutes[place].start();
        let expected = [(0, 297), (0, 298), (0, 299), (2, 0), (2, 1), (3, 10), (3, 11), (4, 197), (4, 198), (4, 199)];
        let found = desk.store.last_bars(&ranges, 3).unwrap();
        assert_eq!(places(&found), expected.map(|(range, place)| (range, time(place))));
        assert_eq!(found[0].parse(&SHANGHAI).unwrap(), bars_of("AAA", &minutes)[297].1);
        // The bar before an instant.
        let [before] = desk.store.last_bars(&ranges[4..], 1).unwrap()[..] else { panic!("not one") };
        assert_eq!(before.time, time(199));
        assert_eq!(desk.store.last_bars(&ranges[..1], usize::MAX).unwrap(), desk.store.bars(&ranges[..1], usize::MAX).unwrap());
        assert_eq!((desk.store.last_bars(&ranges, 0).unwrap(), desk.store.last_bars(&[], 9).unwrap()), (vec![], vec![]));
    }
}
