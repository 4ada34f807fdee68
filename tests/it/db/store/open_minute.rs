//! The clock of the open minute, and following what is written.

use super::*;
use crate::on_every_backend;

const INSTANT: Duration = Duration::ZERO;
/// Longer than a write can take to be heard of, shorter than a follower looks without a sign.
const SOON: Duration = Duration::from_millis(900);

on_every_backend! {
    fn the_clock_is_the_last_one_written(database: &Database) {
        let desk = Desk::of(database);
        assert_eq!(desk.store.clock().unwrap(), None);
        for (pace, open_minute) in [(Pace::Live, 60), (Pace::Test { speed: 0.1 }, 180), (Pace::Test { speed: 60_000.0 }, 120)] {
            let clock = MarketClock {
                pace,
                open_minute: UnixSeconds::new(open_minute),
                opened_at: UnixNanos::new(1_796_000_000_123_456_789),
            };
            desk.write(&MarketWrite { clock: Some(clock), ..MarketWrite::default() });
            assert_eq!(desk.store.clock().unwrap(), Some(clock));
        }
        let before = desk.store.clock().unwrap();
        desk.write_bars(bars_of("AAA", &minutes(1)));
        assert_eq!(desk.store.clock().unwrap(), before);
        desk.store.clear(&desk.writer, Some(&symbol("AAA"))).unwrap();
        assert_eq!(desk.store.clock().unwrap(), before);
        desk.store.clear(&desk.writer, None).unwrap();
        assert_eq!(desk.store.clock().unwrap(), None);
    }

    fn a_follower_hears_of_each_write_and_of_none_twice(database: &Database) {
        let desk = Desk::of(database);
        desk.write_bars(bars_of("AAA", &minutes(1)));
        let reader = database.open_empty();
        let mut followers = [desk.store.follow().unwrap(), reader.follow().unwrap()];
        for follower in &mut followers {
            assert!(!follower.wait(INSTANT).unwrap(), "a change from before gives no notice");
        }
        for count in 2..5 {
            desk.write_bars(bars_of("AAA", &minutes(count)));
            for follower in &mut followers {
                assert!(follower.wait(SOON).unwrap());
                assert!(!follower.wait(INSTANT).unwrap());
            }
        }
        // Many writes are one sign.
        (5..9).for_each(|count| desk.write_bars(bars_of("AAA", &minutes(count))));
        // The server sends notices when it likes; all of them should be there before the follower looks.
        std::thread::sleep(Duration::from_secs(1));
        assert!(followers[0].wait(SOON).unwrap() && !followers[0].wait(INSTANT).unwrap());
    }

    fn a_follower_that_hears_nothing_looks_once_a_second(database: &Database) {
        let store = database.open();
        let mut follower = store.follow().unwrap();
        let heard = (0..30).filter(|_| follower.wait(Duration::from_millis(100)).unwrap()).count();
        assert_eq!(heard, 3);
    }

    fn what_is_undone_is_not_there_when_a_follower_looks(database: &Database) {
        let desk = Desk::of(database);
        let mut follower = desk.store.follow().unwrap();
        break_table(database, "market_clock", "INSERT");
        follower.wait(SOON).unwrap();
        let batch = full_batch("AAA", &minutes(1));
        assert_query_fails(desk.store.write(&desk.writer, &batch), OUT_OF_ORDER);
        mend_table(database, "market_clock");
        assert_eq!(desk.store.clock().unwrap(), None);
        desk.write(&batch);
        while desk.store.clock().unwrap() != batch.clock {
            follower.wait(SOON).unwrap();
        }
    }
}

#[test]
fn a_follower_whose_connection_is_ended_says_so_and_another_goes_on() {
    let database = Database::new(Backend::Postgres);
    let desk = Desk::of(&database);
    let mut follower = desk.store.follow().unwrap();
    database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'klined follow' AND datname = current_database()");
    let error = (0..100).find_map(|_| follower.wait(Duration::from_millis(100)).err()).expect("the loss is noticed");
    assert!(error.is_retriable(), "{error}");
    let mut follower = desk.store.follow().unwrap();
    desk.write_bars(bars_of("AAA", &minutes(1)));
    assert!(follower.wait(SOON).unwrap());
}
