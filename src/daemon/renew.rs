//! A market that begins anew, and one that returns from test mode to the real clock.

use tracing::info;

use super::clock::SystemClock;
use super::confirm::confirm;
use super::work::open_store;
use crate::config::{DatabaseArgs, UpArgs};
use crate::jobs::{self, JobError, Market};
use klined_market::base::Clock;
use klined_market::calendar::Hours;
use klined_market::universe::Universe;

/// Removes the market of a database after a question; a database without one is left as it is.
///
/// # Errors
/// The removal is not confirmed, another process writes the market, or the database fails; or there are stocks, and one of
/// `universe` is not among them.
pub fn reset(
    database: &DatabaseArgs,
    is_confirmed: bool,
    without: &str,
    universe: Option<&Universe>,
    seed: Option<u64>,
    hours: Option<Hours>,
) -> anyhow::Result<bool> {
    if database.db_url.missing_file().is_some() {
        return Ok(false);
    }
    let store = open_store(database)?;
    let Some(identity) = store.identity()? else { return Ok(false) };
    jobs::require_universe(&*store, universe, seed, hours)?;
    if !is_confirmed {
        confirm(
            &format!("Remove the market of seed {} with all its bars from {}?", identity.seed, database.db_url),
            without,
        )?;
    }
    jobs::clear(&*store, None)?;
    info!("removed the market of seed {}", identity.seed);
    Ok(true)
}

/// Prepares a market that is ahead of the clock to be filled up to the clock: after a question it removes all bars and lists the stocks
/// on the market's first day again. The bars follow from the seed, so those up to now come out the same. A market that is not ahead is
/// left as it is.
///
/// # Errors
/// The same bars cannot be made again, the removal is not confirmed, another process writes the market, or the database fails.
pub fn return_to_now(market: &Market, args: &UpArgs) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let Some(newest) = market.newest()? else { return Ok(()) };
    let Err(ahead) = jobs::refuse_future(&market.calendar, newest, now) else { return Ok(()) };
    let JobError::FutureData { ahead, .. } = ahead else { return Err(ahead.into()) };
    let listings = market.store.listings()?;
    let first_day = listings.iter().map(|listing| listing.first_day).min();
    let today = market.calendar.date_of(now)?;
    let refuse = |reason| Err(JobError::NotRepeatable { reason }.into());
    let first_day = match first_day {
        Some(first_day) if first_day <= today => first_day,
        _ => return refuse("the market begins after today"),
    };
    if listings.iter().any(|listing| listing.first_day != first_day || listing.last_day.is_some()) {
        return refuse("stocks were listed or delisted after its first day");
    }
    if !market.store.scenarios()?.is_empty() {
        return refuse("scenarios were applied to it");
    }
    if !args.yes {
        let url = &args.database.db_url;
        let question = format!(
            "The market in {url} is {ahead} trading days ahead of the clock. Remove its bars from {first_day} on and make those up \
             to now again, which gives the same bars?"
        );
        confirm(&question, "--from-now --yes")?;
    }
    jobs::begin_again(market, first_day)?;
    info!(%first_day, ahead, "removed all bars; those up to now are made again");
    Ok(())
}
