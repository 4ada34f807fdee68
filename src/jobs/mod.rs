//! The work of the daemons as plain calls. No call waits for the time of day: "now" is always a parameter.

mod advance;
mod aggregate;
mod agreement;
mod backfill;
mod error;
mod foresight;
mod future;
mod generate;
mod market;
mod repair;
mod retention;
mod scenarios;
mod source;
mod stop;
mod tick_facts;
mod universe;
mod venue;
mod verify;

pub use advance::{missing_partitions, unprepared};
pub use aggregate::{Aggregator, Filled, Folded};
pub use backfill::{Backfilled, Progress, Window, backfill, begin_again, clear, roll_up_the_rest};
pub use error::JobError;
pub use foresight::{Foreseen, Foresight, LATE_MAX, Prepared, Reading};
pub use future::refuse_future;
pub use generate::Generator;
pub use market::{DEFAULT_SEED, Market, ModelChoice, Retained, hours, require_universe};
pub use repair::{Changes, Plan, Repair};
pub use source::{BarSource, Venue};
pub use stop::Stop;
pub use tick_facts::{SymbolDay, past_tick_facts, tick_facts_of_days};
pub use universe::tradable;
pub use venue::{VenueWriter, venue_bars_of};
pub use verify::{Finding, Report, Sample, verify};
