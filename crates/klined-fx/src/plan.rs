//! How many rows each second has.
//!
//! Every second of the market draws the number of its book rows and of its price rows uniformly between two bounds. A
//! plan takes the seconds from a start on, as long as the market is open, until the book rows reach a total; the last
//! second gives up its last rows that are too many. A second's numbers depend on the seed and the second alone.

use thiserror::Error;

use crate::base::{Hours, Part, Streams};
use crate::market::day::index_below;

/// The most rows of a table in one second: each has a microsecond of its own.
pub const ROWS_PER_SECOND_MAX: u32 = 500_000;

/// Rows of a table in a second, both bounds included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowRate {
    pub least: u32,
    pub most: u32,
}

/// Which seconds are made, and with how many rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    pub hours: Hours,
    /// The first second, in Unix seconds.
    pub start: i64,
    /// The second after the last, in Unix seconds.
    pub end: Option<i64>,
    pub book_rate: RowRate,
    pub core_rate: RowRate,
    /// Book rows in all.
    pub book_rows: u64,
}

/// A plan without a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the market is closed in all of the time asked for: it is open from Sunday 17:00 to Friday 17:00 in New York")]
pub struct NothingToDo;

impl PlannedSecond {
    /// A whole second outside a plan.
    #[must_use]
    pub fn whole(second: i64, book_rows: u32, core_rows: u32) -> Self {
        Self { place: 0, second, book_rows, book_rows_drawn: book_rows, core_rows }
    }
}

/// A second and its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedSecond {
    /// The second's place in the plan, from 0.
    pub place: u64,
    /// In Unix seconds.
    pub second: i64,
    pub book_rows: u32,
    /// Book rows of the whole second, of which `book_rows` are the first: more in a plan's last second alone.
    pub book_rows_drawn: u32,
    pub core_rows: u32,
}

/// What a plan amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlanTotals {
    pub seconds: u64,
    pub book_rows: u64,
    pub core_rows: u64,
    /// In Unix seconds; of no meaning when there is no second.
    pub first: i64,
    /// None when the plan is longer than is counted; then the numbers above are those of the seconds that were counted.
    pub last: Option<i64>,
}

impl PlanTotals {
    /// Book rows in all: those that were counted, or those that a plan asks for which is longer.
    #[must_use]
    pub fn books_in_all(&self, plan: &Plan) -> u64 {
        if self.last.is_some() { self.book_rows } else { plan.book_rows }
    }
}

/// Seconds of a plan that are counted: about a quarter of a year of the market.
const COUNTED_MOST: u64 = 5_000_000;

impl Plan {
    /// The seconds, in order.
    #[must_use]
    pub fn seconds(&self, streams: Streams) -> Seconds {
        Seconds {
            plan: *self,
            streams,
            next: self.start,
            place: 0,
            rest: self.book_rows,
            minute: i64::MIN,
            counts: [(0, 0); 60],
        }
    }

    /// How much the plan amounts to, as far as it is counted.
    ///
    /// # Errors
    /// There is no open second in it.
    pub fn totals(&self, streams: Streams) -> Result<PlanTotals, NothingToDo> {
        let mut totals = PlanTotals::default();
        for second in self.seconds(streams) {
            if totals.seconds == 0 {
                totals.first = second.second;
            }
            if totals.seconds == COUNTED_MOST {
                totals.last = None;
                return Ok(totals);
            }
            totals.last = Some(second.second);
            totals.seconds += 1;
            totals.book_rows += u64::from(second.book_rows);
            totals.core_rows += u64::from(second.core_rows);
        }
        if totals.seconds == 0 { Err(NothingToDo) } else { Ok(totals) }
    }
}

/// The seconds of a plan, in order.
#[derive(Debug, Clone)]
pub struct Seconds {
    plan: Plan,
    streams: Streams,
    next: i64,
    place: u64,
    rest: u64,
    /// The minute whose counts are held, by its first second.
    minute: i64,
    counts: [(u32, u32); 60],
}

impl Seconds {
    fn counts(&mut self, second: i64) -> (u32, u32) {
        let minute = second - second.rem_euclid(60);
        if minute != self.minute {
            self.minute = minute;
            let mut stream = self.streams.market(Part::Plan, minute);
            let mut draw =
                |rate: RowRate| rate.least + index_below(&mut stream, (rate.most - rate.least) as usize + 1) as u32;
            let Plan { book_rate, core_rate, .. } = self.plan;
            self.counts = std::array::from_fn(|_| (draw(book_rate), draw(core_rate)));
        }
        self.counts[(second - minute) as usize]
    }
}

impl Iterator for Seconds {
    type Item = PlannedSecond;

    fn next(&mut self) -> Option<PlannedSecond> {
        if self.rest == 0 {
            return None;
        }
        // Asking for the calendar once a minute is enough: days begin and end with minutes.
        let second = if self.next.rem_euclid(60) == 0 || self.place == 0 {
            self.plan.hours.next_open(self.next)?
        } else {
            self.next
        };
        if self.plan.end.is_some_and(|end| second >= end) {
            return None;
        }
        let (book_rows_drawn, core_rows) = self.counts(second);
        let book_rows = u64::from(book_rows_drawn).min(self.rest) as u32;
        self.rest -= u64::from(book_rows);
        self.next = second + 1;
        self.place += 1;
        Some(PlannedSecond { place: self.place - 1, second, book_rows, book_rows_drawn, core_rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use klined_market::base::Seed;
    use proptest::prelude::*;

    fn plan(start: i64, end: Option<i64>, total: u64) -> Plan {
        let (book_rate, core_rate) = (RowRate { least: 3, most: 9 }, RowRate { least: 1, most: 2 });
        Plan { hours: Hours::Week, start, end, book_rate, core_rate, book_rows: total }
    }

    /// 2025-07-04T20:59:00Z, a minute before the weekend.
    const FRIDAY_EVENING: i64 = 1_751_662_740;

    proptest! {
        #[test]
        fn book_rows_add_up_to_the_total_and_each_second_is_the_same_from_any_start(total in 1_u64..5_000, skip in 0_i64..200) {
            let streams = Streams(Seed(7));
            let seconds: Vec<PlannedSecond> = plan(FRIDAY_EVENING, None, total).seconds(streams).collect();
            prop_assert_eq!(seconds.iter().map(|s| u64::from(s.book_rows)).sum::<u64>(), total);
            prop_assert!(seconds.iter().all(|s| Hours::Week.day_at(s.second).is_ok()));
            let later: Vec<PlannedSecond> = plan(FRIDAY_EVENING + skip, None, total).seconds(streams).collect();
            for second in &later[..later.len() - 1] {
                if let Some(same) = seconds[..seconds.len() - 1].iter().find(|s| s.second == second.second) {
                    prop_assert_eq!((same.book_rows, same.core_rows), (second.book_rows, second.core_rows));
                }
            }
        }
    }

    #[test]
    fn a_plan_of_years_is_counted_in_part() {
        let totals = plan(FRIDAY_EVENING, None, 1_000_000_000_000).totals(Streams(Seed(7))).unwrap();
        assert_eq!((totals.seconds, totals.last), (COUNTED_MOST, None));
    }

    #[test]
    fn a_closed_market_has_no_seconds() {
        let streams = Streams(Seed(7));
        assert_eq!(plan(FRIDAY_EVENING + 60, Some(FRIDAY_EVENING + 3600), 10).totals(streams), Err(NothingToDo));
        let totals = plan(FRIDAY_EVENING, Some(FRIDAY_EVENING + 3600), 1_000_000).totals(streams).unwrap();
        assert_eq!((totals.seconds, totals.last), (60, Some(FRIDAY_EVENING + 59)));
    }
}
