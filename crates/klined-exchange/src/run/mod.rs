//! A run: sessions of some securities, day after day, as logs in a directory.
//!
//! The logs are the truth. A run that was killed at any instant goes on from them: whole days stay, the day in the making is replayed up to its
//! last full chunk, compared with what is there, and made on. So the end is the same bytes as those of an undisturbed run, and a directory
//! that other parameters made is refused before anything in it is changed.

mod batch;
mod dates;
mod day;
mod directory;
mod error;
mod folder;
mod follow;
mod lane;
mod manifest;
mod paced;
mod spec;
mod walk;

pub use batch::run_batch;
pub use dates::{TradingDays, UnknownDays};
pub use directory::Directory;
pub use error::RunError;
pub use folder::{RunFolder, UNNAMED};
pub use follow::{Begin, RunEvent, RunStream, Sessions, session_of};
pub use lane::DayDone;
pub use manifest::{Manifest, SecurityEntry, SessionEntry};
pub use paced::{Pace, run_paced};
pub use spec::{
    BadSpec, ModelSpec, RunSpec, Security, SeedScheme, date_of_log, securities, symbol_of_log, time_of_day,
};
pub use walk::{EventWalk, OfSession};
