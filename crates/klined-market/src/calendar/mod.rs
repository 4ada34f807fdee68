//! The exchange's time: what a trading minute is, which session it lies in, which bucket it falls into, what comes next.
//!
//! Shanghai sessions, 09:30–11:30 and 13:00–15:00 Asia/Shanghai: 240 minutes a day, each labelled by its start. All
//! arithmetic on trading time is arithmetic on an ordinal, the count of trading minutes since the exchange opened on
//! 1990-12-19; nothing outside this module adds 60 seconds to anything. The calendar never reads the clock.

mod bucket;
mod days;
mod error;
mod local;
mod minute;
mod overrides;
mod projection;
mod session;
mod tables;
mod zone;

pub use bucket::Bucket;
pub use days::Calendar;
pub use error::CalendarError;
pub use minute::{MINUTES_PER_DAY, Minute};
pub use overrides::{DayChange, Overrides, OverridesError};
pub use session::{Session, SessionSpan};
pub use zone::local_time;
