//! A database whose newest bar lies in the future of the clock.

use super::JobError;
use klined_market::base::{Seconds, UnixSeconds};
use klined_market::calendar::{Calendar, Minute};

/// The most by which the newest bar may be ahead of the clock. A clock that was set back a little explains this much.
const CLOCK_STEP_MAX: Seconds = Seconds::minutes(10);

/// Refuses a newest minute that lies in the future of the clock.
///
/// # Errors
/// It lies in the future.
pub fn refuse_future(calendar: &Calendar, newest: Minute, now: UnixSeconds) -> Result<(), JobError> {
    if newest.end() > now + CLOCK_STEP_MAX {
        let ahead = calendar.days(calendar.date_of(now)?, calendar.day_of(newest)).len().saturating_sub(1);
        return Err(JobError::FutureData {
            newest: calendar.local_minute(newest),
            now: calendar.local_time(now),
            ahead,
        });
    }
    Ok(())
}
