//! The arithmetic of instants and spans, and their conversions.

use proptest::prelude::*;

use super::*;

#[test]
fn every_scale_is_a_multiple_of_the_smaller_one() {
    assert_eq!([Seconds::MINUTE, Seconds::HOUR, Seconds::DAY].map(Seconds::get), [60, 3_600, 86_400]);
    assert_eq!(Nanos::SECOND.get(), 1_000_000_000);
    assert_eq!(Nanos::MINUTE, Nanos::SECOND * 60);
    assert_eq!([Nanos::MILLISECOND, Nanos::MICROSECOND].map(Nanos::per_second), [1_000, 1_000_000]);
}

#[test]
fn an_instant_before_1970_lies_in_the_second_that_began_before_it() {
    let before = UnixNanos::new(-1);
    assert_eq!((before.seconds(), before.seconds_ceil()), (UnixSeconds::new(-1), UnixSeconds::EPOCH));
    assert_eq!((before.millis(), before.subsecond()), (-1, Nanos::SECOND - Nanos::NANOSECOND));
    assert_eq!(UnixSeconds::from_millis(-1), UnixSeconds::new(-1));
    assert_eq!(UnixSeconds::new(-1).floor_to(Seconds::MINUTE), UnixSeconds::new(-60));
}

#[test]
fn what_cannot_be_counted_is_an_error_and_does_not_wrap() {
    let (first, last) = (UnixNanos::MIN.seconds_ceil(), UnixNanos::MAX.seconds());
    assert!(first.checked_nanos().is_ok() && last.checked_nanos().is_ok());
    for beyond in [UnixSeconds::MIN, first.previous(), last.next(), UnixSeconds::MAX] {
        assert_eq!(beyond.checked_nanos(), Err(BeyondNanos(beyond)));
        assert!(BeyondNanos(beyond).to_string().contains(&beyond.to_string()));
    }
    assert_eq!(UnixSeconds::MAX.saturating_nanos(), UnixNanos::MAX);
    assert_eq!((UnixSeconds::MIN.millis(), UnixSeconds::MAX.millis()), (i64::MIN, i64::MAX));
    assert_eq!((UnixSeconds::MAX.next(), UnixSeconds::MIN.previous()), (UnixSeconds::MAX, UnixSeconds::MIN));
    assert_eq!(UnixSeconds::MAX.checked_add(Seconds::SECOND), None);
    assert_eq!(UnixNanos::checked_from(i64::MAX, Nanos::MILLISECOND), None);
}

#[test]
fn an_instant_is_shown_and_stored_as_its_number() {
    let instant = UnixSeconds::new(1_772_415_000);
    assert_eq!(format!("{instant} {instant:?} {instant:>11}"), "1772415000 1772415000  1772415000");
    let Stored { at, took } = toml::from_str("at = 7\ntook = -3").unwrap();
    assert_eq!((at, took), (UnixNanos::new(7), Seconds::new(-3)));
    assert_eq!(size_of::<Option<UnixNanos>>(), size_of::<Option<i64>>());
}

#[derive(Deserialize)]
struct Stored {
    at: UnixNanos,
    took: Seconds,
}

proptest! {
    #[test]
    fn seconds_come_back_from_every_finer_scale(count in i64::MIN / 1_000_000_000..=i64::MAX / 1_000_000_000) {
        let instant = UnixSeconds::new(count);
        let nanos = instant.checked_nanos().unwrap();
        prop_assert_eq!(UnixNanos::try_from(instant), Ok(nanos));
        prop_assert_eq!(instant.saturating_nanos(), nanos);
        prop_assert_eq!((nanos.seconds(), nanos.seconds_ceil(), nanos.subsecond()), (instant, instant, Nanos::ZERO));
        prop_assert_eq!(UnixSeconds::from_millis(instant.millis()), instant);
        for unit in [Nanos::MILLISECOND, Nanos::MICROSECOND, Nanos::SECOND] {
            prop_assert_eq!(nanos.count_of(unit), instant.count_of(unit));
            prop_assert_eq!(UnixNanos::checked_from(instant.count_of(unit), unit), Some(nanos));
        }
    }

    #[test]
    fn an_instant_lies_between_its_second_and_the_next(count: i64) {
        let instant = UnixNanos::new(count);
        let begun = i128::from(instant.seconds().get()) * i128::from(Nanos::SECOND.get());
        prop_assert_eq!(begun + i128::from(instant.subsecond().get()), i128::from(count));
        prop_assert!((Nanos::ZERO..Nanos::SECOND).contains(&instant.subsecond()));
        let is_whole = instant.subsecond() == Nanos::ZERO;
        prop_assert_eq!(instant.seconds_ceil() == instant.seconds(), is_whole);
        prop_assert!(instant.seconds_ceil() <= instant.seconds().next());
    }

    #[test]
    fn spans_and_instants_add_up_as_numbers_do(start in -1_i64 << 60..1 << 60, length in -1_i64 << 60..1 << 60) {
        let (at, span) = (UnixNanos::new(start), Nanos::new(length));
        prop_assert_eq!((at + span).get(), start + length);
        prop_assert_eq!((at + span) - at, span);
        prop_assert_eq!((at + span) - span, at);
        prop_assert_eq!(at.checked_add(span), Some(at + span));
        prop_assert_eq!((at.saturating_add(span), (at + span).saturating_sub(span)), (at + span, at));
        prop_assert_eq!((at + span).saturating_since(at), span);
        prop_assert_eq!((at < at + span, at.cmp(&(at + span))), (length > 0, start.cmp(&(start + length))));
    }

    #[test]
    fn a_floor_is_the_last_multiple(count in i64::MIN / 2..i64::MAX, step in 1..=86_400_i64) {
        let (instant, step) = (UnixSeconds::new(count), Seconds::new(step));
        let floor = instant.floor_to(step);
        prop_assert!(floor <= instant && instant - floor < step);
        prop_assert_eq!(floor.get().rem_euclid(step.get()), 0);
    }
}
