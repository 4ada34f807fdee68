//! A history in parts: written one by one, or a month as a whole.

use klined::store::{HistoryPart, LoadRoles, MonthLoad, MonthRoom, NextPart, PartSource, StoreError};
use klined_market::calendar::Hours;

use super::*;
use crate::on_every_backend;

fn roles(desk: &Desk) -> LoadRoles<'_> {
    LoadRoles { writer: &desk.writer, aggregator: Some(&desk.aggregator) }
}

/// A symbol's part: some minutes with all that belongs to them, and roll-ups.
fn part(name: &str, minutes: &[Minute]) -> HistoryPart {
    let bars: Vec<(Interval, Bar)> =
        [Interval::Month, Interval::Minute5, Interval::Day].map(|interval| (interval, bar(minutes[0], 77, 7))).into();
    let rollups = vec![RollupWrite { bars, ..folding_to(name, minutes[minutes.len() - 1].start()) }];
    HistoryPart { minutes: full_batch(name, minutes), rollups }
}

fn parts() -> Vec<HistoryPart> {
    ["AAA", "BBB", "CCC"].map(|name| part(name, &minutes(1_500))).into()
}

/// Supplies parts one after another, and then the end.
struct Parts {
    parts: std::vec::IntoIter<HistoryPart>,
    end: fn() -> NextPart,
    may_end: bool,
}

impl PartSource for Parts {
    fn next(&mut self) -> NextPart {
        self.parts.next().map_or_else(self.end, NextPart::Part)
    }

    fn may_end(&mut self) -> bool {
        self.may_end
    }
}

/// Writes the month of [`DAY`]; whether it was.
fn fill_month(desk: &Desk, parts: Vec<HistoryPart>) -> Result<bool, StoreError> {
    fill_month_until(desk, parts, || NextPart::End, true)
}

fn fill_month_until(
    desk: &Desk,
    parts: Vec<HistoryPart>,
    end: fn() -> NextPart,
    may_end: bool,
) -> Result<bool, StoreError> {
    assert_eq!(desk.store.make_room(date(DAY)).unwrap(), MonthRoom::Free);
    let mut parts = Parts { parts: parts.into_iter(), end, may_end };
    let outcome = desk.store.load_month(roles(desk), date(DAY), &mut parts)?;
    assert_ne!(outcome, MonthLoad::Taken);
    Ok(outcome == MonthLoad::Committed)
}

/// The same on a database of its own.
fn filled_in_parts(backend: Backend) -> Vec<String> {
    let database = Database::new(backend);
    let desk = Desk::of(&database);
    parts().iter().for_each(|part| desk.store.load_part(roles(&desk), part).unwrap());
    everything(&database)
}

on_every_backend! {
    fn a_part_is_written_with_its_roll_ups_and_the_watermark(database: &Database) {
        let desk = Desk::of(database);
        desk.store.load_part(roles(&desk), &part("AAA", &minutes(300))).unwrap();
        assert_eq!(desk.minute_bars("AAA"), bars_of("AAA", &minutes(300)));
        assert_eq!(desk.bars("AAA", Interval::Month).len(), 1);
        assert_eq!(desk.store.watermarks().unwrap()[&symbol("AAA")], minutes(300)[299].start());
        assert_eq!(desk.tasks(), []);
        let before = everything(database);
        desk.store.load_part(roles(&desk), &part("AAA", &minutes(300))).unwrap();
        assert_eq!(everything(database), before);
    }

    fn a_part_fails_as_a_whole(database: &Database) {
        let desk = Desk::of(database);
        desk.store.load_part(roles(&desk), &part("AAA", &minutes(3))).unwrap();
        let before = everything(database);
        for table in ["stock_state", "rollup_watermark", "model_checkpoint"] {
            break_table(database, table, "UPDATE");
            desk.store.load_part(roles(&desk), &part("AAA", &minutes(3_000))).unwrap_err();
            mend_table(database, table);
            assert_eq!(everything(database), before, "{table}");
        }
    }

    fn a_filler_that_lost_one_of_its_roles_fills_nothing(database: &Database) {
        for role in [Role::Writer, Role::Aggregator] {
            let desk = Desk::of(database);
            let before = everything(database);
            database.execute(&format!("UPDATE role_epoch SET epoch = epoch + 1 WHERE role = '{}'", role.as_str()));
            let lost = |error| matches!(error, StoreError::RoleLost { role: lost } if lost == role);
            assert!(lost(desk.store.load_part(roles(&desk), &part("AAA", &minutes(3))).unwrap_err()));
            if database.backend == Backend::Postgres {
                assert!(lost(fill_month(&desk, parts()).unwrap_err()));
            }
            assert_eq!(everything(database), before);
        }
    }

    fn a_part_of_many_bars_overwrites_what_is_there_and_notes_what_is_late(database: &Database) {
        let desk = Desk::of(database);
        let minutes = minutes(3_000);
        desk.write(&MarketWrite { listings: vec![listing("AAA", DAY, None), listing("BBB", DAY, None)], ..MarketWrite::default() });
        // Others' bars in the way: the same, another, and one that stays.
        let others = [bar(minutes[9], 1009, 100_900), bar(minutes[99], 5, 5), bar(minutes[2_999], 6, 6)];
        desk.write_bars(others.map(|bar| (symbol("AAA"), bar)).into());
        desk.fold(&[folding_to("AAA", minutes[2_000].start()), folding_to("BBB", minutes[0].start().previous())]);
        let unfolded = |name| HistoryPart { rollups: vec![], ..part(name, &minutes[..2_999]) };
        for _ in 0..2 {
            let mut both = unfolded("AAA");
            both.append(unfolded("BBB"));
            desk.store.load_part(roles(&desk), &both).unwrap();
            let mut expected = bars_of("AAA", &minutes[..2_999]);
            expected.push((symbol("AAA"), others[2]));
            assert_eq!(desk.minute_bars("AAA"), expected);
            assert_eq!(desk.minute_bars("BBB"), bars_of("BBB", &minutes[..2_999]));
            assert_eq!(desk.changes(), [("AAA".to_owned(), minutes[0].start())]);
        }
        // The same again is no change.
        let settled = RollupWrite { is_repaired: true, ..folding_to("AAA", minutes[2_999].start()) };
        desk.fold(&[settled, folding_to("BBB", minutes[2_998].start())]);
        desk.store.load_part(roles(&desk), &unfolded("AAA")).unwrap();
        assert_eq!(desk.changes(), []);
        // And the triggers are where they were.
        database.execute("DELETE FROM market_klines WHERE symbol = 'BBB'");
        desk.write_bars(bars_of("AAA", &[minutes[5]]));
        desk.write_bars(vec![(symbol("AAA"), bar(minutes[7], 1, 1))]);
        assert_eq!(desk.changes(), [("AAA".to_owned(), minutes[5].start()), ("BBB".to_owned(), minutes[0].start())]);
    }

    fn later_bars_are_reported_by_symbol(database: &Database) {
        let desk = Desk::of(database);
        let minutes = minutes(3);
        desk.write_bars([bars_of("AAA", &minutes), bars_of("BBB", &minutes[..2])].concat());
        let after = |instant| {
            let ends = ["AAA", "BBB", "CCC"].map(|name| (symbol(name), instant));
            desk.store.bars_after(&ends).unwrap().iter().map(Symbol::to_string).collect::<Vec<_>>()
        };
        assert_eq!(after(UnixSeconds::EPOCH), ["AAA", "BBB"]);
        assert_eq!(after(minutes[1].start()), ["AAA"]);
        assert_eq!(after(minutes[2].start()), [""; 0]);
    }

    fn there_is_no_room_where_a_month_has_rows(database: &Database) {
        let desk = Desk::of(database);
        desk.write_bars(bars_of("OLD", &minutes(1)));
        let before = everything(database);
        assert!(matches!(desk.store.make_room(date(DAY)).unwrap(), MonthRoom::None(_)));
        assert_eq!(everything(database), before);
    }
}

#[test]
fn a_month_written_whole_is_what_its_parts_make() {
    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    assert!(fill_month(&desk, parts()).unwrap());
    assert_eq!(everything(&database), filled_in_parts(Backend::Postgres));
    assert_eq!(desk.tasks(), []);
    // From then on it is a partition like others: keys, notes of changes, nothing left over.
    desk.store.load_part(roles(&desk), &part("AAA", &minutes(1_500))).unwrap();
    let early = minutes(3)[1].start();
    database.execute(&format!(
        "UPDATE market_klines SET volume = 1 WHERE symbol = 'AAA' AND interval = '1m' AND time = {early}"
    ));
    database.execute(&format!(
        "DELETE FROM market_klines_2026_01 WHERE symbol = 'BBB' AND interval = '1m' AND time = {early}"
    ));
    database.execute(&format!(
        "INSERT INTO market_klines_2026_01 (symbol, interval, time, open, high, low, close, volume) \
         VALUES ('CCC', '1m', {}, 1, 1, 1, 1, 1)",
        early.next()
    ));
    assert_eq!(
        desk.changes(),
        [("AAA", early), ("BBB", early), ("CCC", early.next())].map(|(name, at)| (name.to_owned(), at))
    );
}

#[test]
fn a_month_written_whole_has_the_partition_that_is_made_ahead() {
    let (whole, ahead) = (Database::new(Backend::Postgres), Database::new(Backend::Postgres));
    let (one, _other) = (Desk::of(&whole), Desk::of(&ahead));
    assert!(fill_month(&one, parts()).unwrap());
    assert_eq!(crate::db::schema::dump(&whole), crate::db::schema::dump(&ahead));
}

#[test]
fn a_month_that_is_given_up_or_fails_leaves_nothing() {
    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    let before = everything(&database);
    assert!(!fill_month_until(&desk, parts(), || NextPart::Abort, true).unwrap());
    assert!(!fill_month_until(&desk, parts(), || NextPart::End, false).unwrap());
    assert_eq!(everything(&database), before);
    // Twice the same symbol: the key cannot be built.
    let error = fill_month(&desk, [parts(), parts()].concat()).unwrap_err();
    assert!(error.to_string().contains("build a key") && !error.is_retriable(), "{error}");
    // A bar of another month.
    let february = SHANGHAI.minutes_of(date("2026-02-02")).take(3).collect::<Vec<_>>();
    fill_month(&desk, vec![part("AAA", &february)]).unwrap_err();
    for table in ["stock_state", "rollup_watermark"] {
        break_table(&database, table, "INSERT");
        fill_month(&desk, parts()).unwrap_err();
        mend_table(&database, table);
    }
    assert_eq!(everything(&database), before);
    assert_eq!(database.value("SELECT count(*)::text AS text FROM pg_class WHERE relname ~ 'loading'"), "0");
    assert!(fill_month(&desk, parts()).unwrap());
}

#[test]
fn a_month_written_whole_notes_bars_behind_the_watermark() {
    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    desk.write(&MarketWrite { listings: vec![listing("AAA", DAY, None)], ..MarketWrite::default() });
    desk.fold(&[folding_to("AAA", minutes(900)[899].start())]);
    let unfolded = |name| HistoryPart { rollups: vec![], ..part(name, &minutes(1_500)) };
    assert!(fill_month(&desk, vec![unfolded("AAA"), unfolded("BBB")]).unwrap());
    assert_eq!(desk.changes(), [("AAA".to_owned(), minutes(1)[0].start())]);
}

#[test]
fn roll_ups_of_the_month_before_go_where_they_belong() {
    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    desk.store.ensure_partitions(date("2025-12-31"), date("2025-12-31")).unwrap();
    let monday = SHANGHAI.open_of(date("2025-12-29")).unwrap();
    let mut early = part("AAA", &minutes(300));
    early.rollups[0].bars.push((Interval::Week, bar(monday, 55, 5)));
    assert!(fill_month(&desk, vec![early]).unwrap());
    let week = &desk.bars("AAA", Interval::Week)[0];
    assert_eq!((week.time, week.volume), (monday.start(), 5));
    assert_eq!(database.value("SELECT count(*)::text AS text FROM market_klines_2025_12"), "1");
}

#[test]
fn a_month_behind_the_horizon_is_left_to_be_passed_over() {
    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    desk.store.claim(&klined::store::Identity { seed: 1, model: "gbm-1".to_owned(), hours: Hours::Sse }, &[]).unwrap();
    desk.store.retain_from(&desk.writer, SHANGHAI.open_of(date("2026-02-02")).unwrap().start(), &|| false).unwrap();
    assert!(matches!(desk.store.make_room(date(DAY)).unwrap(), MonthRoom::None(_)));
    desk.store.load_part(roles(&desk), &part("AAA", &minutes(1_500))).unwrap();
    assert_eq!(desk.minute_bars("AAA"), []);
}

#[test]
fn two_months_under_way_become_visible_in_their_order() {
    /// Ends when the other month is visible.
    struct After<'a>(Option<HistoryPart>, &'a dyn Fn() -> bool);

    impl PartSource for After<'_> {
        fn next(&mut self) -> NextPart {
            self.0.take().map_or(NextPart::End, NextPart::Part)
        }

        fn may_end(&mut self) -> bool {
            (self.1)()
        }
    }

    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    let february: Vec<Minute> = SHANGHAI.minutes_of(date("2026-02-02")).collect();
    for day in [DAY, "2026-02-02"] {
        assert_eq!(desk.store.make_room(date(day)).unwrap(), MonthRoom::Free);
    }
    let first = || {
        let mut supplier = After(Some(part("AAA", &minutes(1_500))), &|| true);
        desk.store.load_month(roles(&desk), date(DAY), &mut supplier).unwrap() == MonthLoad::Committed
    };
    let mut second = After(Some(part("AAA", &february)), &first);
    let outcome = desk.store.load_month(roles(&desk), date("2026-02-02"), &mut second).unwrap();
    assert_eq!(outcome, MonthLoad::Committed);
    assert_eq!(desk.minute_bars("AAA").len(), 1_500 + 240);
    assert_eq!(desk.store.watermarks().unwrap()[&symbol("AAA")], february[239].start());
}

#[test]
fn of_several_writers_one_loads_a_month_and_the_others_wait_for_it() {
    /// Ends its month only when two others have come for it.
    struct WhileOthersWait<'a>(Option<HistoryPart>, &'a dyn Fn());

    impl PartSource for WhileOthersWait<'_> {
        fn next(&mut self) -> NextPart {
            self.0.take().map_or(NextPart::End, NextPart::Part)
        }

        fn may_end(&mut self) -> bool {
            (self.1)();
            true
        }
    }

    /// Has nothing, and must not be asked for it.
    struct Unasked {
        waits: u32,
    }

    impl PartSource for Unasked {
        fn next(&mut self) -> NextPart {
            panic!("asked for a month that somebody else has begun")
        }

        fn may_end(&mut self) -> bool {
            panic!("asked to end a month that somebody else has begun")
        }

        fn goes_on(&mut self) -> bool {
            self.waits = self.waits.saturating_sub(1);
            self.waits > 0
        }
    }

    let database = Database::new(Backend::Postgres);
    drop(Desk::of(&database));
    let (one, other) = (database.open(), database.open());
    let [first, second] = ["1/2", "2/2"].map(|of| one.acquire_shard(Role::Writer, of.parse().unwrap()).unwrap());
    assert_eq!(one.make_room(date(DAY)).unwrap(), MonthRoom::Free);
    let come = |waits| {
        let mut unasked = Unasked { waits };
        other.load_month(LoadRoles { writer: &second, aggregator: None }, date(DAY), &mut unasked).unwrap()
    };
    let is_made = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let waiters = std::sync::Mutex::new(Vec::new());
        let others = || {
            // Who is not wanted any more does not wait.
            assert_eq!(come(3), MonthLoad::Cancelled);
            let mut waiters = waiters.lock().unwrap();
            waiters.push(scope.spawn(|| assert_eq!(come(10_000), MonthLoad::Taken)));
            waiters.push(scope.spawn(|| {
                other.ensure_partitions(date(DAY), date(DAY)).unwrap();
                is_made.store(true, std::sync::atomic::Ordering::SeqCst);
            }));
            std::thread::sleep(Duration::from_millis(300));
            assert!(
                !is_made.load(std::sync::atomic::Ordering::SeqCst),
                "the month's name was taken from the program that loads it"
            );
        };
        let unfolded = HistoryPart { rollups: vec![], ..part("AAA", &minutes(300)) };
        let mut supplier = WhileOthersWait(Some(unfolded), &others);
        let outcome = one.load_month(LoadRoles { writer: &first, aggregator: None }, date(DAY), &mut supplier).unwrap();
        assert_eq!(outcome, MonthLoad::Committed);
        waiters.lock().unwrap().drain(..).for_each(|waiter| waiter.join().unwrap());
    });
    let stored = database.value("SELECT count(*)::text AS text FROM market_klines_2026_01");
    assert_eq!(stored, "300");
}
