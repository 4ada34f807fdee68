//! Keeping the bars of the last months or days only.

use chrono::{Datelike, Days, Months, NaiveDate};
use tracing::{info, warn};

use super::{JobError, Market, Retained, Stop};
use crate::store::Lease;
use klined_market::base::UnixSeconds;
use klined_market::calendar::Hours;

/// The removal of old bars by the generator, when a day opens.
#[derive(Debug, Default)]
pub(super) struct Retention {
    /// The instant before which all bars have been removed.
    done: Option<UnixSeconds>,
}

impl Retention {
    /// Removes the bars that the market does not keep any more on a day. Does nothing in a market without such a limit. When the database is too busy, the next day removes them.
    pub fn apply(&mut self, market: &Market, lease: &Lease, day: NaiveDate, stop: &Stop) -> Result<(), JobError> {
        let Some(from) = market.retained.and_then(|retained| horizon(market.calendar.hours(), day, retained)) else {
            return Ok(());
        };
        if self.done == Some(from) {
            return Ok(());
        }
        match market.store.retain_from(lease, from, &|| stop.is_asked()) {
            Ok(true) => {
                info!(from = market.calendar.local_time(from), "older bars are removed");
                self.done = Some(from);
            }
            Ok(false) => {}
            Err(error) if error.is_retriable() => warn!("older bars are removed with the next day: {error}"),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

/// The first instant that is kept. None before the calendar's range, where nothing is older.
fn horizon(hours: Hours, day: NaiveDate, retained: Retained) -> Option<UnixSeconds> {
    let first = match retained {
        Retained::Months(months) => day.with_day(1)?.checked_sub_months(Months::new(months))?,
        Retained::Days(days) => day.checked_sub_days(Days::new(days.into()))?,
    };
    hours.midnight(first).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_horizon_is_the_first_instant_of_a_month_or_a_day() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let shown = |retained: Retained, hours: Hours, day| {
            horizon(hours, date(day), retained).map(|from| hours.local_time(from)).unwrap()
        };
        let months = |day, months| shown(Retained::Months(months), Hours::Sse, day);
        assert_eq!(months("2026-03-31", 1), "2026-02-01 00:00:00");
        assert_eq!(months("2026-03-02", 3), "2025-12-01 00:00:00");
        assert_eq!(months("2026-03-02", 1200), "1926-03-01 00:00:00");
        assert_eq!(shown(Retained::Days(30), Hours::Sse, "2026-03-31"), "2026-03-01 00:00:00");
        assert_eq!(shown(Retained::Days(30), Hours::Nyse, "2026-03-31"), "2026-03-01 00:00:00");
        // A date of foreign exchange begins at 17:00 of the evening before it.
        assert_eq!(shown(Retained::Days(1), Hours::Fx, "2026-03-03"), "2026-03-01 17:00:00");
    }
}
