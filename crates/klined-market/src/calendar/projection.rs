//! Holidays of years whose calendar has not been published: a projection, never a fact.
//!
//! The rule is the State Council's revised holiday regulation of November 2024 with the exchange's habit of never
//! trading on make-up workdays. Spring Festival: eight days from New Year's Eve. Labour Day: five days. National Day:
//! seven days from 1 October, eight when Mid-Autumn falls beside it. New Year, Qingming, Dragon Boat and Mid-Autumn: the
//! three days that join the nearest weekend, or the day alone when it is a Wednesday. Its error against the known years
//! is in `docs/CALENDAR.md` (`scripts/measure_projection.py` holds the same rule in Python and measures it).

use chrono::{Datelike, Days, NaiveDate, Weekday};

use super::hours::HORIZON;
use super::tables;

/// The festivals of a year that follow the moon or the sun.
struct Festivals {
    year: i32,
    spring: NaiveDate,
    qingming: NaiveDate,
    dragon_boat: NaiveDate,
    mid_autumn: NaiveDate,
}

impl Festivals {
    /// A line `YYYY MM-DD MM-DD MM-DD MM-DD` of the table.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let year_text = words.next()?;
        let mut date = || format!("{year_text}-{}", words.next()?).parse::<NaiveDate>().ok();
        Some(Self {
            year: year_text.parse().ok()?,
            spring: date()?,
            qingming: date()?,
            dragon_boat: date()?,
            mid_autumn: date()?,
        })
    }
}

/// The weekdays that are projected to be closed, from 1 January of `first_year` to the horizon, ascending.
pub(super) fn closed_days(first_year: i32) -> Vec<NaiveDate> {
    let mut days: Vec<NaiveDate> = tables::lunar_festivals()
        .filter_map(Festivals::parse)
        .filter(|festivals| festivals.year >= first_year)
        .flat_map(|festivals| closed_in(&festivals))
        .collect();
    days.sort_unstable();
    days.dedup();
    days
}

fn closed_in(festivals: &Festivals) -> Vec<NaiveDate> {
    let year = festivals.year;
    let on = |year, month, day| NaiveDate::from_ymd_opt(year, month, day).unwrap_or(HORIZON);
    let labour_day = on(year, 5, 1);
    let national_day = on(year, 10, 1);
    // The five days begin on the Saturday before when 1 May falls early in the week.
    let labour_lead = match labour_day.weekday() {
        Weekday::Sun => 1,
        Weekday::Mon => 2,
        Weekday::Tue => 3,
        _ => 0,
    };
    let mut blocks = vec![
        around(on(year, 1, 1)),
        (festivals.spring - Days::new(1), 8),
        around(festivals.qingming),
        (labour_day - Days::new(labour_lead), 5),
        around(festivals.dragon_boat),
        // A New Year on a Tuesday closes the Monday before it, which lies in this year.
        around(on(year + 1, 1, 1)),
    ];
    if festivals.mid_autumn >= on(year, 9, 29) {
        blocks.push((festivals.mid_autumn.min(national_day), 8));
    } else {
        blocks.extend([around(festivals.mid_autumn), (national_day, 7)]);
    }
    blocks
        .into_iter()
        .flat_map(|(first, length)| first.iter_days().take(length))
        .filter(|date| date.year() == year && date.weekday().num_days_from_monday() < 5)
        .collect()
}

/// First day and length of the break around a one-day holiday.
fn around(holiday: NaiveDate) -> (NaiveDate, usize) {
    let lead = match holiday.weekday() {
        Weekday::Wed => return (holiday, 1),
        Weekday::Mon | Weekday::Tue => 2,
        Weekday::Sun => 1,
        Weekday::Thu | Weekday::Fri | Weekday::Sat => 0,
    };
    (holiday - Days::new(lead), 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(year: i32) -> String {
        let days = closed_days(year);
        let texts = days.iter().filter(|day| day.year() == year).map(|day| day.format("%m-%d").to_string());
        texts.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn agrees_with_the_reference_in_scripts() {
        assert_eq!(
            of(2027),
            "01-01 02-05 02-08 02-09 02-10 02-11 02-12 04-05 05-03 05-04 05-05 06-09 09-15 10-01 10-04 10-05 10-06 10-07"
        );
        assert_eq!(
            of(2029),
            "01-01 02-12 02-13 02-14 02-15 02-16 02-19 04-04 04-30 05-01 05-02 06-18 09-24 10-01 10-02 10-03 10-04 \
             10-05 12-31"
        );
        assert_eq!(
            of(2069),
            "01-01 01-22 01-23 01-24 01-25 01-28 01-29 04-04 04-05 05-01 05-02 05-03 06-24 09-30 10-01 10-02 10-03 10-04"
        );
        assert_eq!(
            of(2100),
            "01-01 02-08 02-09 02-10 02-11 02-12 02-15 04-05 05-03 05-04 05-05 06-14 09-20 10-01 10-04 10-05 10-06 10-07"
        );
        assert_eq!(closed_days(2027).len(), 1388);
    }

    #[test]
    fn is_right_on_the_years_under_the_present_regulation() {
        let known: Vec<NaiveDate> = tables::closed_days().into_iter().filter(|day| day.year() >= 2023).collect();
        let projected: Vec<NaiveDate> = closed_days(2023).into_iter().filter(|day| day.year() <= 2026).collect();
        assert_eq!(projected, known);
    }
}
