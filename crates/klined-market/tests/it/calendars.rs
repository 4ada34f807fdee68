//! The laws of every calendar, and the days of each kind.

mod models;

use std::sync::LazyLock;

use chrono::{DateTime, Datelike, Days, NaiveDate, Utc, Weekday};
use klined_market::base::{Interval, Seconds, TimeUnit, Timeframe, UnixSeconds};
use klined_market::calendar::{Calendar, Hours, Minute, Overrides, Session};
use klined_testing::date;
use proptest::prelude::*;

static CALENDARS: LazyLock<[Calendar; 4]> = LazyLock::new(|| Hours::ALL.map(Calendar::of));

fn calendar(hours: Hours) -> &'static Calendar {
    CALENDARS.iter().find(|calendar| calendar.hours() == hours).unwrap()
}

fn all_days(calendar: &Calendar) -> &[NaiveDate] {
    calendar.days(calendar.first_day(), calendar.last_day())
}

/// Of one of the calendars, and with a trading day and a place in it.
fn any_minute() -> impl Strategy<Value = (&'static Calendar, Minute)> {
    (0..CALENDARS.len(), any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(which, day, place)| {
        let calendar = &CALENDARS[which];
        let day = *day.get(all_days(calendar));
        let place = place.index(usize::from(calendar.minutes_on(day))) as u16;
        (calendar, calendar.minute_of(day, place).unwrap())
    })
}

fn any_instant() -> impl Strategy<Value = (&'static Calendar, UnixSeconds)> {
    let near = (any_minute(), -4000..4000_i64).prop_map(|((of, minute), off)| (of, minute.start() + Seconds::new(off)));
    let anywhere = (0..CALENDARS.len(), 946_900_000..4_130_000_000_i64)
        .prop_map(|(which, instant)| (&CALENDARS[which], UnixSeconds::new(instant)));
    prop_oneof![near, anywhere]
}

fn utc(instant: UnixSeconds) -> String {
    DateTime::<Utc>::from_timestamp(instant.get(), 0).unwrap().format("%F %H:%M").to_string()
}

proptest! {
    #[test]
    fn a_bar_of_any_timeframe_is_made_of_whole_stored_bars((calendar, minute) in any_minute(), unit in 0..4_usize, count in 1..1441_u32) {
        let unit = [TimeUnit::Minute, TimeUnit::Day, TimeUnit::Week, TimeUnit::Month][unit];
        let timeframe = Timeframe::new(unit, 1 + count % u32::from(unit.most())).unwrap();
        let (part, most) = timeframe.parts();
        let bucket = calendar.bucket(minute, timeframe);
        prop_assert!(bucket.first <= minute && minute <= bucket.last);
        // The calendar is followed part by part from the bucket's first minute to its last.
        let (mut at, mut parts) = (calendar.bucket(bucket.first, part), 1);
        prop_assert_eq!(at.first, bucket.first);
        while at.last < bucket.last {
            at = calendar.bucket(calendar.next_minute(at.last).unwrap(), part);
            parts += 1;
        }
        prop_assert_eq!(at.last, bucket.last);
        prop_assert!(parts <= most, "{} {}", timeframe, parts);
        // Every minute of it has the same bucket, and its neighbours have others.
        prop_assert_eq!(calendar.bucket(bucket.first, timeframe), bucket);
        prop_assert_eq!(calendar.bucket(bucket.last, timeframe), bucket);
        if let Some(before) = calendar.previous_minute(bucket.first) {
            prop_assert!(calendar.bucket(before, timeframe).last == before);
        }
    }

    #[test]
    fn the_minutes_of_a_day_are_in_order_and_find_their_day((calendar, minute) in any_minute()) {
        let day = calendar.day_of(minute);
        let minutes: Vec<Minute> = calendar.minutes_of(day).collect();
        prop_assert_eq!(minutes.len(), usize::from(calendar.minutes_on(day)));
        prop_assert!(minutes.windows(2).all(|pair| pair[0].end() <= pair[1].start()));
        prop_assert_eq!(calendar.open_of(day), Ok(minutes[0]));
        for (place, &other) in minutes.iter().enumerate() {
            prop_assert_eq!((calendar.day_of(other), usize::from(calendar.index_in_day(other))), (day, place));
            prop_assert_eq!(calendar.minute_of(day, place as u16), Ok(other));
            prop_assert_eq!(calendar.date_of(other.start()), Ok(day), "a minute is of the date that it falls on");
        }
        let sessions: Vec<_> = calendar.sessions_of(day).collect();
        let in_sessions: i64 = sessions.iter().map(|span| (span.end - span.start) / Seconds::MINUTE).sum();
        prop_assert_eq!(in_sessions as usize, minutes.len());
    }

    #[test]
    fn the_next_minute_and_the_previous_one_are_inverse((calendar, minute) in any_minute()) {
        if let Ok(next) = calendar.next_minute(minute) {
            prop_assert!(next.start() >= minute.end());
            prop_assert_eq!(calendar.previous_minute(next), Some(minute));
            prop_assert_eq!(calendar.minutes_between(minute.start(), next.start()), 1);
            prop_assert_eq!(calendar.last_completed(next.end().previous()), Ok(Some(minute)));
        }
        prop_assert_eq!(calendar.minute_starting(minute.start()), Ok(minute));
        prop_assert_eq!(calendar.minute_containing(minute.end().previous()), Some(minute));
    }

    #[test]
    fn a_session_is_where_its_minutes_are((calendar, instant) in any_instant()) {
        let Ok(span) = calendar.session_at(instant) else { return Ok(()) };
        let minute = calendar.minute_containing(instant);
        prop_assert_eq!(span.is_trading(), minute.is_some());
        prop_assert_eq!(calendar.minutes_between(span.start, span.end) as i64, (span.end - span.start) / Seconds::MINUTE);
        if !span.is_trading() {
            prop_assert!(instant < span.start);
            prop_assert_eq!(calendar.minutes_between(instant, span.start), 0, "the next session comes next");
            let next = calendar.session_at(span.start).unwrap();
            prop_assert_eq!((next.start, next.end), (span.start, span.end));
        }
        let date = calendar.date_of(instant).unwrap();
        let midnight = calendar.midnight(date).unwrap();
        prop_assert!(midnight <= instant && instant < calendar.midnight(date.succ_opt().unwrap()).unwrap());
        if calendar.hours() == Hours::AroundTheClock {
            prop_assert!(span.is_trading());
        }
    }

    #[test]
    fn buckets_partition_a_day_and_begin_with_its_sessions((calendar, minute) in any_minute()) {
        let day = calendar.day_of(minute);
        for interval in Interval::ALL {
            let bucket = calendar.bucket(minute, interval);
            prop_assert!(bucket.first <= minute && minute <= bucket.last);
            prop_assert_eq!(calendar.bucket(bucket.first, interval), bucket);
            prop_assert_eq!(calendar.bucket(bucket.last, interval), bucket);
            if let Ok(next) = calendar.next_minute(bucket.last) {
                prop_assert_eq!(calendar.bucket(next, interval).first, next);
            }
            let Some(length) = interval.trading_minutes() else { continue };
            let span = (bucket.last.end() - bucket.first.start()) / Seconds::MINUTE;
            let of_session = calendar.sessions_of(day).find(|span| minute.start() < span.end).unwrap();
            prop_assert!(span == i64::from(length) || bucket.last.end() == of_session.end && span < i64::from(length));
            prop_assert_eq!((bucket.first.start() - of_session.start) / Seconds::MINUTE % i64::from(length), 0);
            if calendar.hours() == Hours::AroundTheClock {
                prop_assert_eq!(bucket.first.start().get() % (60 * i64::from(length)), 0, "the grid of UTC");
            }
        }
        for (interval, same) in [
            (Interval::Week, (|a, b| a.iso_week() == b.iso_week()) as fn(NaiveDate, NaiveDate) -> bool),
            (Interval::Month, |a, b| (a.year(), a.month()) == (b.year(), b.month())),
        ] {
            let bucket = calendar.bucket(minute, interval);
            let around = calendar.days(day - Days::new(35), day + Days::new(35));
            let members: Vec<NaiveDate> = around.iter().copied().filter(|&other| same(other, day)).collect();
            prop_assert_eq!(Ok(bucket.first), calendar.open_of(members[0]));
            prop_assert_eq!(Some(bucket.last), calendar.minutes_of(members[members.len() - 1]).last());
        }
    }
}

#[test]
fn names_are_read_as_they_are_written() {
    for hours in Hours::ALL {
        assert_eq!(hours.to_string().parse(), Ok(hours));
    }
    let refused = "asx".parse::<Hours>().unwrap_err().to_string();
    assert_eq!(refused, "\"asx\" is not a calendar: use sse, nyse, 24x7, fx");
}

#[test]
fn new_york_has_its_days_in_every_known_year() {
    let nyse = calendar(Hours::Nyse);
    let counts = [
        252, 248, 252, 252, 252, 252, 251, 251, 253, 252, 252, 252, 250, 252, 252, 252, 252, 251, 251, 252, 253, 252,
        251, 250, 252, 250, 251,
    ];
    for (year, count) in (2000..).zip(counts) {
        assert_eq!(nyse.days(date(&format!("{year}-01-01")), date(&format!("{year}-12-31"))).len(), count, "{year}");
    }
    for closed in ["2001-09-11", "2012-10-29", "2025-01-09", "2026-04-03", "2026-06-19", "2026-07-03", "2026-11-26"] {
        assert!(!nyse.is_trading_day(date(closed)), "{closed}");
    }
    for early in ["2026-11-27", "2026-12-24", "2025-07-03", "2027-11-26"] {
        assert_eq!(nyse.minutes_on(date(early)), 210, "{early}");
    }
    assert_eq!(nyse.minutes_on(date("2026-11-25")), 390);
    assert!(nyse.is_projected(date("2027-01-04")) && !nyse.is_projected(date("2026-12-31")));
}

#[test]
fn new_york_opens_at_half_past_nine_of_its_own_clock() {
    let nyse = calendar(Hours::Nyse);
    for (day, open, close) in [
        ("2026-03-06", "2026-03-06 14:30", "2026-03-06 21:00"), // the Friday before the clocks go forward
        ("2026-03-09", "2026-03-09 13:30", "2026-03-09 20:00"),
        ("2026-10-30", "2026-10-30 13:30", "2026-10-30 20:00"),
        ("2026-11-02", "2026-11-02 14:30", "2026-11-02 21:00"),
        ("2026-11-27", "2026-11-27 14:30", "2026-11-27 18:00"),
    ] {
        let span = nyse.sessions_of(date(day)).next().unwrap();
        assert_eq!((utc(span.start), utc(span.end), span.session), (open.into(), close.into(), Session::Regular));
    }
    let hours = |day| {
        let buckets = nyse.minutes_of(date(day)).map(|minute| nyse.bucket(minute, Interval::Minute60));
        let mut lengths: Vec<i64> = buckets.map(|of| (of.last.end() - of.first.start()) / Seconds::MINUTE).collect();
        lengths.dedup_by_key(|length| *length);
        (
            lengths,
            nyse.minutes_of(date(day))
                .map(|minute| nyse.bucket(minute, Interval::Minute60).first)
                .fold(Vec::new(), |mut firsts, first| {
                    if firsts.last() != Some(&first) {
                        firsts.push(first);
                    }
                    firsts
                })
                .len(),
        )
    };
    assert_eq!(hours("2026-03-09"), (vec![60, 30], 7));
    assert_eq!(hours("2026-11-27"), (vec![60, 30], 4));
}

#[test]
fn foreign_exchange_goes_from_sunday_to_friday_evening() {
    let fx = calendar(Hours::Fx);
    for (day, open) in [
        ("2026-03-06", "2026-03-05 22:00"),
        ("2026-03-09", "2026-03-08 21:00"), // the clocks went forward in the night before
        ("2026-10-30", "2026-10-29 21:00"),
        ("2026-11-02", "2026-11-01 22:00"),
    ] {
        assert_eq!(utc(fx.open_of(date(day)).unwrap().start()), open, "{day}");
        assert_eq!(fx.minutes_on(date(day)), 1440);
    }
    let friday = fx.minutes_of(date("2026-03-06")).last().unwrap();
    assert_eq!(fx.hours().local_time(friday.end()), "2026-03-06 17:00:00");
    let monday = fx.next_minute(friday).unwrap();
    assert_eq!((fx.local_minute(monday), fx.day_of(monday)), ("2026-03-08 17:00".into(), date("2026-03-09")));
    assert_eq!(monday.start() - friday.end(), Seconds::HOUR * 47, "a weekend with an hour less");
    assert!(fx.opens_after_pause(date("2026-03-09")) && !fx.opens_after_pause(date("2026-03-10")));
    assert_eq!(fx.instant(date("2026-03-10"), "18:00:00".parse().unwrap()).map(utc), Ok("2026-03-09 22:00".into()));
    assert_eq!(fx.instant(date("2026-03-10"), "09:00:00".parse().unwrap()).map(utc), Ok("2026-03-10 13:00".into()));
}

#[test]
fn around_the_clock_every_minute_of_utc_trades() {
    let clock = calendar(Hours::AroundTheClock);
    let (from, to) = (UnixSeconds::new(1_774_656_000), UnixSeconds::new(1_774_656_000 + 10 * 86_400));
    assert_eq!(clock.minutes_between(from, to), 14_400);
    assert!(clock.is_trading_day(date("2026-03-28")) && date("2026-03-28").weekday() == Weekday::Sat);
    assert_eq!(utc(clock.open_of(date("2026-03-29")).unwrap().start()), "2026-03-29 00:00");
    assert!(!clock.opens_after_pause(date("2026-03-29")));
    assert_eq!(clock.clone().strict().last_day(), date("2100-12-31"), "nothing is projected");
}

#[test]
fn an_operators_file_may_close_early_only_where_there_are_early_closes() {
    let text = "known-until 2027-12-31\nclosed 2027-01-01\nearly 2027-11-26\nopen 2027-12-25";
    let nyse = Calendar::with_overrides(Hours::Nyse, &Overrides::parse(Hours::Nyse, text).unwrap());
    assert_eq!(
        [210, 390, 390].map(Some),
        ["2027-11-26", "2027-12-25", "2027-07-05"]
            .map(|day| { nyse.is_trading_day(date(day)).then(|| nyse.minutes_on(date(day))) }),
        "the file is complete, so Independence Day is open"
    );
    for hours in [Hours::Sse, Hours::AroundTheClock, Hours::Fx] {
        assert!(Overrides::parse(hours, text).unwrap_err().to_string().contains("has no early closes"), "{hours}");
    }
    let closed = Overrides::parse(Hours::AroundTheClock, "closed 2026-03-29").unwrap();
    let closed = Calendar::with_overrides(Hours::AroundTheClock, &closed);
    assert!(closed.opens_after_pause(date("2026-03-30")) && !closed.is_trading_day(date("2026-03-29")));
}
