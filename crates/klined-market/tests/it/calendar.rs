//! The exchange's time: which days trade, which minutes they have, which bucket a minute falls into.

use std::sync::LazyLock;

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeZone, Timelike};
use chrono_tz::Asia::Shanghai;
use chrono_tz::Tz;
use klined_market::base::{Interval, Seconds, UnixSeconds};
use klined_market::calendar::{Calendar, CalendarError, Hours, Minute, Overrides, Session};
use klined_testing::{SHANGHAI, SHANGHAI_MINUTES, date};
use proptest::prelude::*;

/// Trading days of each year from 1990, which has only the last days of December.
const DAYS_OF_YEARS: [usize; 37] = [
    9, 255, 255, 257, 252, 251, 247, 243, 246, 239, // 1990s
    239, 240, 237, 241, 243, 242, 241, 242, 246, 244, // 2000s
    242, 244, 243, 238, 245, 244, 244, 244, 243, 244, // 2010s
    243, 243, 242, 242, 242, 243, 242, // to 2026
];

static STRICT: LazyLock<Calendar> = LazyLock::new(|| Calendar::shanghai().strict());

/// An instant from the local date and time in Shanghai.
fn at(day: &str, time: &str) -> UnixSeconds {
    let naive = date(day).and_time(time.parse().unwrap());
    UnixSeconds::new(Shanghai.from_local_datetime(&naive).unwrap().timestamp())
}

fn local(instant: UnixSeconds) -> DateTime<Tz> {
    Shanghai.from_utc_datetime(&DateTime::from_timestamp(instant.get(), 0).unwrap().naive_utc())
}

fn wall_clock(minute: Minute) -> String {
    local(minute.start()).format("%H:%M").to_string()
}

/// The trading hours, said once more and in another way than the calendar says them.
fn is_in_trading_hours(instant: UnixSeconds) -> bool {
    let local = local(instant);
    let minute = local.hour() * 60 + local.minute();
    SHANGHAI.is_trading_day(local.date_naive()) && ((570..690).contains(&minute) || (780..900).contains(&minute))
}

fn all_days() -> &'static [NaiveDate] {
    SHANGHAI.days(SHANGHAI.first_day(), SHANGHAI.last_day())
}

fn any_minute() -> impl Strategy<Value = Minute> {
    (0..all_days().len(), 0..SHANGHAI_MINUTES)
        .prop_map(|(day, index)| SHANGHAI.minute_of(all_days()[day], index).unwrap())
}

/// Instants from the opening to the end of 2100: anywhere, or within seconds of a session's bounds.
fn any_instant() -> impl Strategy<Value = UnixSeconds> {
    let anywhere = at("1990-12-01", "00:00:00").get()..at("2100-12-25", "00:00:00").get();
    let bound = prop::sample::select(vec!["09:30", "11:30", "13:00", "15:00", "00:00"]);
    let beside_a_bound = (0..all_days().len() - 1, bound, -90..90_i64).prop_map(|(day, time, seconds)| {
        at(&all_days()[day].to_string(), &format!("{time}:00")) + Seconds::new(seconds)
    });
    prop_oneof![anywhere.prop_map(UnixSeconds::new), beside_a_bound]
}

#[test]
fn every_known_year_has_its_number_of_trading_days() {
    for (year, expected) in (1990..).zip(DAYS_OF_YEARS) {
        let days = SHANGHAI.days(date(&format!("{year}-01-01")), date(&format!("{year}-12-31")));
        assert_eq!(days.len(), expected, "{year}");
    }
    assert_eq!(SHANGHAI.first_day(), date("1990-12-19"));
}

#[test]
fn the_known_traps_are_closed() {
    let traps = [
        ("2024-02-09", "New Year's Eve, closed although the regulation of that year did not say so"),
        ("2015-09-03", "the parade of 2015"),
        ("2015-09-04", "the day after it"),
        ("2020-01-31", "the prolonged Spring Festival of 2020"),
        ("2024-02-04", "a Sunday that was a make-up workday"),
        ("2024-02-18", "a Sunday that was a make-up workday"),
        ("2025-01-26", "a Sunday that was a make-up workday"),
        ("2025-02-08", "a Saturday that was a make-up workday"),
        ("2025-09-28", "a Sunday that was a make-up workday"),
    ];
    for (day, why) in traps {
        assert!(!SHANGHAI.is_trading_day(date(day)), "{day}: {why}");
    }
    for day in ["2024-02-08", "2024-02-19", "2015-09-02", "2015-09-07", "2020-01-23", "2020-02-03"] {
        assert!(SHANGHAI.is_trading_day(date(day)), "{day}");
    }
    let weekends = all_days().iter().filter(|day| day.weekday().num_days_from_monday() >= 5).count();
    assert_eq!(weekends, 0, "the exchange has never traded on a weekend");
}

#[test]
fn the_open_is_an_hour_earlier_in_utc_under_daylight_saving_time() {
    let open_utc = |day: &str| {
        let open = SHANGHAI.open_of(date(day)).unwrap();
        DateTime::from_timestamp(open.start().get(), 0).unwrap().format("%F %H:%M:%S").to_string()
    };
    assert_eq!(open_utc("1991-06-03"), "1991-06-03 00:30:00");
    assert_eq!(open_utc("1992-06-03"), "1992-06-03 01:30:00");
    assert_eq!(open_utc("1990-12-19"), "1990-12-19 01:30:00");
    assert_eq!(open_utc("2026-01-05"), "2026-01-05 01:30:00");
}

#[test]
fn a_day_has_240_minutes_labelled_by_their_start() {
    for day in ["1991-06-03", "2024-02-08", "2026-01-05", "2087-06-02"] {
        let labels: Vec<String> = SHANGHAI.minutes_of(date(day)).map(wall_clock).collect();
        let session = |hour, minute| {
            let open = NaiveTime::from_hms_opt(hour, minute, 0).unwrap();
            (0..120).map(move |i| (open + chrono::Duration::minutes(i)).format("%H:%M").to_string())
        };
        assert_eq!(labels, session(9, 30).chain(session(13, 0)).collect::<Vec<_>>(), "{day}");
        assert_eq!((labels[119].as_str(), labels[120].as_str(), labels[239].as_str()), ("11:29", "13:00", "14:59"));
    }
    assert_eq!(SHANGHAI.minutes_of(date("2026-01-01")).count(), 0);
}

#[test]
fn a_strict_calendar_refuses_what_is_not_yet_published() {
    let last = STRICT.minute_of(date("2026-12-31"), 239).unwrap();
    let refusals = [
        STRICT.next_minute(last).map(drop),
        STRICT.day_after(date("2026-12-31")).map(drop),
        STRICT.day_at_or_after(date("2027-01-04")).map(drop),
        STRICT.open_of(date("2027-01-04")).map(drop),
        STRICT.minute_of(date("2027-01-04"), 0).map(drop),
        STRICT.session_at(last.end()).map(drop),
        STRICT.last_completed(at("2027-01-04", "10:00:00")).map(drop),
    ];
    for (place, refusal) in refusals.into_iter().enumerate() {
        match refusal {
            Err(CalendarError::BeyondHorizon { last_day, .. }) => assert_eq!(last_day, date("2026-12-31")),
            other => panic!("question {place}: {other:?}"),
        }
    }
    assert!(STRICT.next_minute(STRICT.previous_minute(last).unwrap()).is_ok());
    assert_eq!(STRICT.last_completed(at("2026-12-31", "23:59:59")), Ok(Some(last)));
    assert!(!STRICT.is_trading_day(date("2027-01-04")));
    assert!(SHANGHAI.next_minute(last).is_ok(), "the projection goes on");
}

#[test]
fn before_the_opening_there_is_nothing() {
    let first = SHANGHAI.minute_of(date("1990-12-19"), 0).unwrap();
    assert_eq!(SHANGHAI.previous_minute(first), None);
    assert_eq!(SHANGHAI.last_completed(first.end().previous()), Ok(None));
    assert_eq!(SHANGHAI.last_completed(first.end()), Ok(Some(first)));
    assert_eq!(SHANGHAI.minutes_between(UnixSeconds::EPOCH, first.start()), 0);
    let span = SHANGHAI.session_at(UnixSeconds::EPOCH).unwrap();
    assert_eq!((span.session, span.start), (Session::Closed, first.start()));
    assert!(matches!(SHANGHAI.open_of(date("1990-12-18")), Err(CalendarError::BeforeOpening { .. })));
}

#[test]
fn days_past_the_published_ones_are_marked_as_projected() {
    assert_eq!(SHANGHAI.known_until(), date("2026-12-31"));
    assert!(!SHANGHAI.is_projected(date("2026-12-31")));
    assert!(SHANGHAI.is_projected(date("2027-01-01")));
    assert_eq!(SHANGHAI.last_day(), date("2100-12-31"));
    for year in 2027..=2100 {
        let days = SHANGHAI.days(date(&format!("{year}-01-01")), date(&format!("{year}-12-31"))).len();
        assert!((240..=246).contains(&days), "{year} is projected to have {days} trading days");
    }
}

#[test]
fn an_operator_may_open_and_close_days() {
    let overrides = Overrides::parse(Hours::Sse, "closed 2026-03-02\nopen 2026-03-07\nopen 2027-10-01").unwrap();
    let changed = Calendar::with_overrides(Hours::Sse, &overrides);
    assert!(SHANGHAI.is_trading_day(date("2026-03-02")) && !changed.is_trading_day(date("2026-03-02")));
    assert!(!SHANGHAI.is_trading_day(date("2026-03-07")) && changed.is_trading_day(date("2026-03-07")));
    assert!(!SHANGHAI.is_trading_day(date("2027-10-01")) && changed.is_trading_day(date("2027-10-01")));
    assert_eq!(changed.minutes_of(date("2026-03-07")).count(), 240);
    // The opened Saturday belongs to its week, and is where Friday's last minute leads.
    let friday_close = changed.minute_of(date("2026-03-06"), 239).unwrap();
    let saturday_open = changed.open_of(date("2026-03-07")).unwrap();
    assert_eq!(changed.next_minute(friday_close), Ok(saturday_open));
    let week = changed.bucket(saturday_open, Interval::Week);
    assert_eq!(changed.day_of(week.first), date("2026-03-03"), "Monday was closed");
    assert_eq!(week.last, changed.minute_of(date("2026-03-07"), 239).unwrap());
    assert_eq!(changed.known_until(), SHANGHAI.known_until(), "single days do not make a year known");
}

#[test]
fn a_complete_file_makes_a_projected_year_known() {
    let overrides = Overrides::parse(Hours::Sse, "known-until 2027-12-31\nclosed 2027-02-05").unwrap();
    let known = Calendar::with_overrides(Hours::Sse, &overrides);
    assert_eq!(known.known_until(), date("2027-12-31"));
    assert!(!known.is_projected(date("2027-12-31")) && known.is_projected(date("2028-01-01")));
    assert!(!known.is_trading_day(date("2027-02-05")), "closed by the file");
    assert!(!SHANGHAI.is_trading_day(date("2027-02-08")) && known.is_trading_day(date("2027-02-08")), "no projection");
    assert!(!known.is_trading_day(date("2027-02-06")), "a Saturday");
    assert!(!known.is_trading_day(date("2024-02-09")), "the past is as it was");
    assert_eq!(known.clone().strict().last_day(), date("2027-12-31"));
    assert!(known.strict().is_trading_day(date("2027-12-31")));
    let shorter =
        Calendar::with_overrides(Hours::Sse, &Overrides::parse(Hours::Sse, "known-until 2020-12-31").unwrap());
    assert_eq!(shorter.known_until(), date("2026-12-31"), "a file cannot take away what is published");
    assert!(!shorter.is_trading_day(date("2024-02-09")));
}

#[test]
fn a_day_has_48_16_8_4_and_2_buckets() {
    let day = date("2026-01-05");
    for (interval, expected) in [
        (Interval::Minute1, 240),
        (Interval::Minute5, 48),
        (Interval::Minute15, 16),
        (Interval::Minute30, 8),
        (Interval::Minute60, 4),
        (Interval::Minute120, 2),
        (Interval::Day, 1),
    ] {
        let mut firsts: Vec<Minute> =
            SHANGHAI.minutes_of(day).map(|minute| SHANGHAI.bucket(minute, interval).first).collect();
        firsts.dedup();
        assert_eq!(firsts.len(), expected, "{interval}");
    }
    let hours = SHANGHAI.minutes_of(day).map(|minute| wall_clock(SHANGHAI.bucket(minute, Interval::Minute60).first));
    let mut hours: Vec<String> = hours.collect();
    hours.dedup();
    assert_eq!(hours, ["09:30", "10:30", "13:00", "14:00"]);
}

#[test]
fn weeks_and_months_hold_their_trading_days() {
    let span = |day: &str, interval| {
        let bucket = SHANGHAI.bucket(SHANGHAI.minute_of(date(day), 77).unwrap(), interval);
        (SHANGHAI.day_of(bucket.first).to_string(), SHANGHAI.day_of(bucket.last).to_string())
    };
    let days = |first: &str, last: &str| (first.to_owned(), last.to_owned());
    assert_eq!(span("2026-01-07", Interval::Week), days("2026-01-05", "2026-01-09"));
    assert_eq!(span("2025-12-31", Interval::Week), days("2025-12-29", "2025-12-31"));
    assert_eq!(span("2024-12-31", Interval::Week), days("2024-12-30", "2025-01-03"));
    assert_eq!(span("2024-02-19", Interval::Month), days("2024-02-01", "2024-02-29"));
    assert_eq!(span("1990-12-25", Interval::Month), days("1990-12-19", "1990-12-31"));
}

proptest! {
    #[test]
    fn the_next_and_the_previous_minute_are_inverse(minute in any_minute()) {
        if let Ok(next) = SHANGHAI.next_minute(minute) {
            prop_assert!(next.start() >= minute.end());
            prop_assert_eq!(SHANGHAI.previous_minute(next), Some(minute));
            prop_assert_eq!(SHANGHAI.minutes_between(minute.start(), next.start()), 1);
        }
        if let Some(previous) = SHANGHAI.previous_minute(minute) {
            prop_assert_eq!(SHANGHAI.next_minute(previous), Ok(minute));
        }
    }

    #[test]
    fn counting_minutes_is_listing_them_is_reading_the_wall_clock(from in any_instant(), span in 0..9 * 86_400_i64) {
        let to = from + Seconds::new(span);
        let whole = ((from.get() + 59).div_euclid(60) * 60..to.get()).step_by(60).map(UnixSeconds::new);
        let by_wall_clock: Vec<UnixSeconds> = whole.filter(|&instant| is_in_trading_hours(instant)).collect();
        let listed: Vec<UnixSeconds> = SHANGHAI.minutes_in(from, to).map(Minute::start).collect();
        prop_assert_eq!(SHANGHAI.minutes_between(from, to), listed.len() as u64);
        prop_assert_eq!(listed, by_wall_clock);
        prop_assert_eq!(SHANGHAI.minutes_between(to, from), 0);
    }

    #[test]
    fn a_session_is_where_its_minutes_are(instant in any_instant()) {
        let span = SHANGHAI.session_at(instant).unwrap();
        let minute = SHANGHAI.minute_containing(instant);
        prop_assert_eq!(span.is_trading(), minute.is_some());
        prop_assert_eq!(minute.is_some(), is_in_trading_hours(instant));
        prop_assert_eq!(span.end - span.start, Seconds::HOUR * 2);
        prop_assert_eq!(SHANGHAI.minutes_between(span.start, span.end), 120);
        if let Some(minute) = minute {
            prop_assert!(minute.start() <= instant && instant < minute.end());
            prop_assert!(span.start <= instant && instant < span.end);
            let half = if span.session == Session::Morning { 0 } else { 1 };
            prop_assert_eq!(SHANGHAI.index_in_day(minute) / 120, half);
        } else {
            prop_assert!(instant < span.start);
            prop_assert_eq!(SHANGHAI.minutes_between(instant, span.start), 0, "the next session comes next");
        }
    }

    #[test]
    fn the_last_completed_minute_is_over_and_the_next_is_not(now in any_instant()) {
        let Some(last) = SHANGHAI.last_completed(now).unwrap() else {
            prop_assert!(now < SHANGHAI.open_of(SHANGHAI.first_day()).unwrap().end());
            return Ok(());
        };
        prop_assert!(last.end() <= now);
        prop_assert!(SHANGHAI.next_minute(last).unwrap().end() > now);
    }

    #[test]
    fn a_minute_is_found_by_its_day_and_place(minute in any_minute()) {
        let (day, index) = (SHANGHAI.day_of(minute), SHANGHAI.index_in_day(minute));
        prop_assert!(index < SHANGHAI_MINUTES);
        prop_assert_eq!(day, local(minute.start()).date_naive());
        prop_assert_eq!(SHANGHAI.date_of(minute.start()), Ok(day));
        prop_assert_eq!(SHANGHAI.minute_of(day, index), Ok(minute));
        prop_assert_eq!(SHANGHAI.minutes_of(day).nth(usize::from(index)), Some(minute));
    }

    #[test]
    fn only_trading_minutes_start_a_minute(instant in any_instant()) {
        let is_start = instant.get().rem_euclid(60) == 0 && is_in_trading_hours(instant);
        prop_assert_eq!(SHANGHAI.minute_starting(instant).is_ok(), is_start);
        let whole = UnixSeconds::new(instant.get() - instant.get().rem_euclid(60));
        prop_assert_eq!(SHANGHAI.minute_starting(whole).is_ok(), is_in_trading_hours(whole));
    }

    #[test]
    fn the_buckets_of_an_interval_partition_the_minutes(minute in any_minute()) {
        for interval in Interval::ALL {
            let bucket = SHANGHAI.bucket(minute, interval);
            prop_assert!(bucket.first <= minute && minute <= bucket.last);
            for inside in [bucket.first, bucket.last] {
                prop_assert_eq!(SHANGHAI.bucket(inside, interval), bucket, "{}", interval);
            }
            if let Ok(next) = SHANGHAI.next_minute(bucket.last) {
                prop_assert_eq!(SHANGHAI.bucket(next, interval).first, next, "{}", interval);
            }
        }
    }

    #[test]
    fn an_intraday_bucket_has_its_length_and_never_crosses_lunch(minute in any_minute()) {
        for interval in Interval::ALL {
            let Some(length) = interval.trading_minutes() else { continue };
            let bucket = SHANGHAI.bucket(minute, interval);
            let inside: Vec<Minute> = SHANGHAI.minutes_in(bucket.first.start(), bucket.last.end()).collect();
            prop_assert_eq!(inside.len(), usize::from(length));
            prop_assert_eq!(bucket.last.end() - bucket.first.start(), Seconds::minutes(i64::from(length)), "no gap of any kind");
            prop_assert!(inside.iter().all(|&other| SHANGHAI.bucket(other, interval) == bucket));
        }
    }

    #[test]
    fn days_weeks_and_months_are_whole_days(minute in any_minute()) {
        let day = SHANGHAI.day_of(minute);
        type Key = fn(NaiveDate) -> (i32, u32);
        let same: [(Interval, Key); 3] = [
            (Interval::Day, |day| (day.year(), day.ordinal())),
            (Interval::Week, |day| (day.iso_week().year(), day.iso_week().week())),
            (Interval::Month, |day| (day.year(), day.month())),
        ];
        for (interval, key) in same {
            let bucket = SHANGHAI.bucket(minute, interval);
            let around = SHANGHAI.days(day - chrono::Days::new(35), day + chrono::Days::new(35));
            let members: Vec<NaiveDate> = around.iter().copied().filter(|&other| key(other) == key(day)).collect();
            prop_assert_eq!(bucket.first, SHANGHAI.minute_of(members[0], 0).unwrap());
            prop_assert_eq!(bucket.last, SHANGHAI.minute_of(members[members.len() - 1], 239).unwrap());
        }
    }
}
