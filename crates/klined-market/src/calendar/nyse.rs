//! Holidays and early closes of the New York Stock Exchange: a table of the known years, and a rule for the later ones.
//!
//! The rule has the exchange's ten holidays with their substitutes beside weekends, and three early closes: the day after
//! Thanksgiving, 3 July and 24 December. What it cannot know is a day of mourning or a storm. Its error against the known years is
//! in `docs/CALENDAR.md` (`scripts/nyse_calendar.py` holds the same rule in Python and measures it).

use chrono::{Datelike, Days, NaiveDate, Weekday};

use super::overrides::DayChange;
use super::tables;

/// The days from a year on that differ from a whole trading day, ascending.
pub(super) type Exceptions = Vec<(NaiveDate, DayChange)>;

/// The known days that differ from a whole trading day.
pub(super) fn known() -> Exceptions {
    tables::nyse_days()
        .filter_map(|line| {
            let (date, kind) = line.split_once(' ')?;
            Some((date.parse().ok()?, if kind == "early" { DayChange::Early } else { DayChange::Closed }))
        })
        .collect()
}

/// The projected days of a span of years that differ from a whole trading day.
pub(super) fn projected(years: std::ops::RangeInclusive<i32>) -> Exceptions {
    let mut days: Exceptions = years.filter_map(of_year).flatten().collect();
    days.sort_unstable_by_key(|&(date, _)| date);
    days
}

fn of_year(year: i32) -> Option<Vec<(NaiveDate, DayChange)>> {
    let on = |month, day| NaiveDate::from_ymd_opt(year, month, day);
    let nth = |month, weekday, count| NaiveDate::from_weekday_of_month_opt(year, month, weekday, count);
    let (new_year, independence, christmas) = (on(1, 1)?, on(7, 4)?, on(12, 25)?);
    let thanksgiving = nth(11, Weekday::Thu, 4)?;
    let last_of_may = on(5, 31)?;
    let memorial = last_of_may - Days::new(u64::from(last_of_may.weekday().num_days_from_monday()));
    let closed = [
        // A New Year's Day on a Saturday has no substitute in the year before.
        Some(new_year).filter(|day| day.weekday() != Weekday::Sat).map(observed),
        nth(1, Weekday::Mon, 3),
        nth(2, Weekday::Mon, 3),
        easter(year).and_then(|sunday| sunday.checked_sub_days(Days::new(2))),
        Some(memorial),
        on(6, 19).map(observed),
        Some(observed(independence)),
        nth(9, Weekday::Mon, 1),
        Some(thanksgiving),
        Some(observed(christmas)),
    ];
    let before = |holiday: NaiveDate| {
        use Weekday::{Fri, Thu, Tue, Wed};
        Some(holiday).filter(|day| [Tue, Wed, Thu, Fri].contains(&day.weekday())).and_then(|day| day.pred_opt())
    };
    let early = [before(independence), thanksgiving.succ_opt(), before(christmas)];
    let marked = |days: Vec<Option<NaiveDate>>, change| days.into_iter().flatten().map(move |day| (day, change));
    Some(marked(closed.to_vec(), DayChange::Closed).chain(marked(early.to_vec(), DayChange::Early)).collect())
}

/// The day on which a holiday is kept: Friday for a Saturday, Monday for a Sunday.
fn observed(day: NaiveDate) -> NaiveDate {
    match day.weekday() {
        Weekday::Sat => day - Days::new(1),
        Weekday::Sun => day + Days::new(1),
        _ => day,
    }
}

/// Easter Sunday by the Gregorian computus (C. F. Gauss, 1800, with the corrections of H. Lichtenberg, 1997).
fn easter(year: i32) -> Option<NaiveDate> {
    let (century, golden) = (year / 100, year % 19);
    let moon = (3 * century + 3) / 4;
    let secular = 15 + moon - (8 * century + 13) / 25;
    let sun = 2 - moon;
    let seed = (19 * golden + secular) % 30;
    let correction = (seed + golden / 11) / 29;
    let boundary = 21 + seed - correction;
    let first_sunday = 7 - (year + year / 4 + sun) % 7;
    let distance = 7 - (boundary - first_sunday) % 7;
    NaiveDate::from_ymd_opt(year, 3, 1)?.checked_add_days(Days::new((boundary + distance - 1).unsigned_abs().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn easter_is_where_the_church_has_it() {
        let date = |text: &str| text.parse().ok();
        for day in ["2000-04-23", "2008-03-23", "2011-04-24", "2019-04-21", "2026-04-05", "2038-04-25", "2100-03-28"] {
            assert_eq!(easter(day[..4].parse().unwrap()), date(day));
        }
    }

    #[test]
    fn the_projection_of_the_known_years_misses_what_nobody_could_know_and_juneteenth_before_2022() {
        let known = known();
        let guess = projected(2000..=2026);
        let of = |days: &Exceptions, date| days.binary_search_by_key(&date, |&(day, _)| day).ok().map(|at| days[at].1);
        let first: NaiveDate = "2000-01-03".parse().unwrap();
        let weekdays = first.iter_days().take_while(|day| day.year() < 2027).filter(|day| {
            day.weekday().num_days_from_monday() < 5
                && !(day.year() < 2022 && day.month() == 6 && (18..=20).contains(&day.day()))
        });
        let wrong: Vec<String> =
            weekdays.filter(|&day| of(&known, day) != of(&guess, day)).map(|day| day.to_string()).collect();
        assert_eq!(
            wrong,
            [
                "2001-09-11",
                "2001-09-12",
                "2001-09-13",
                "2001-09-14",
                "2002-07-03",
                "2002-07-05",
                "2003-12-26",
                "2004-06-11",
                "2007-01-02",
                "2012-10-29",
                "2012-10-30",
                "2018-12-05",
                "2025-01-09",
            ]
        );
    }
}
