//! Keeping the bars of the last months only.

use chrono::{Datelike, Months, NaiveDate};
use tracing::{info, warn};

use super::{JobError, Market, Stop};
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
    /// Removes the bars from before the full months that the market keeps, counted back from the month of a day. Does nothing in a
    /// market without such a limit. When the database is too busy, the next day removes them.
    pub fn apply(&mut self, market: &Market, lease: &Lease, day: NaiveDate, stop: &Stop) -> Result<(), JobError> {
        let Some(from) = market.retain_months.and_then(|months| horizon(market.calendar.hours(), day, months)) else {
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

/// The first instant of the earliest month kept. None before the calendar's range, where nothing is older.
fn horizon(hours: Hours, day: NaiveDate, months: u32) -> Option<UnixSeconds> {
    hours.midnight(day.with_day(1)?.checked_sub_months(Months::new(months))?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_horizon_is_the_first_of_a_month_in_shanghai() {
        let date = |text: &str| text.parse::<NaiveDate>().unwrap();
        let shown =
            |day, months| horizon(Hours::Sse, date(day), months).map(|from| Hours::Sse.local_time(from)).unwrap();
        assert_eq!(shown("2026-03-31", 1), "2026-02-01 00:00:00");
        assert_eq!(shown("2026-03-02", 3), "2025-12-01 00:00:00");
        assert_eq!(shown("2026-03-02", 1200), "1926-03-01 00:00:00");
    }
}
