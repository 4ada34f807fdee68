//! The market's time: what a trading minute is, which session it lies in, which bucket it falls into, what comes next.
//!
//! A [`Calendar`] has the [`Hours`] of one market, and its days. All arithmetic on trading time is arithmetic on an ordinal, the
//! count of trading minutes since the market opened; nothing outside this module adds 60 seconds to anything, or knows how many
//! minutes a day has. The calendar never reads the clock.

mod activity;
mod bucket;
mod day_kind;
mod days;
mod error;
mod hours;
mod local;
mod minute;
mod minutes;
mod nyse;
mod overrides;
mod projection;
mod session;
mod sessions;
mod tables;
mod usual_days;
mod zone;

pub use activity::DayActivity;
pub use bucket::Bucket;
pub use day_kind::DayKind;
pub use days::Calendar;
pub use error::CalendarError;
pub use hours::{Hours, UnknownHours};
pub use minute::Minute;
pub use overrides::{DayChange, Overrides, OverridesError};
pub use session::{Session, SessionSpan};
