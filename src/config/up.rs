//! The command line of `klined up`.

use anyhow::bail;
use clap::{ArgGroup, Args};

use klined_service::args::RunArgs;

use super::{
    DatabaseArgs, FakeArgs, MarketCalendarArgs, ModelArgs, PaceArgs, RelayArgs, RetentionArgs, ServerArgs, UniverseArgs,
};
use crate::jobs::ModelChoice;
use klined_market::calendar::Hours;
use klined_market::universe::Universe;

#[derive(Debug, Clone, Args)]
#[command(group = ArgGroup::new("removal").args(["fresh", "from_now"]).multiple(true),
          group = ArgGroup::new("real_time").args(["live", "around_the_clock"]).multiple(true))]
pub struct UpArgs {
    /// Follow the real clock and the exchange's hours instead of running in test mode
    #[arg(long, env = "KLINED_LIVE")]
    pub live: bool,

    /// Trade every minute of every day in real time, with times equal to those of the real clock; the same as --calendar 24x7 --live
    #[arg(long, env = "KLINED_AROUND_THE_CLOCK")]
    pub around_the_clock: bool,

    #[command(flatten)]
    pub pace: PaceArgs,

    /// Fill a new market with N trading days of history; a market that exists keeps the history that it has [default: 30]
    #[arg(long, env = "KLINED_DAYS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=20_000),
          allow_negative_numbers = true)]
    pub days: Option<u16>,

    /// Remove the market of the database after you confirm it, and begin a new one
    #[arg(long)]
    pub fresh: bool,

    /// Return from test mode to the real clock. If the market is ahead of the clock, the program asks you to confirm, makes the days
    /// up to now again with the same bars, and removes the later bars
    #[arg(long, requires = "real_time", conflicts_with = "fresh")]
    pub from_now: bool,

    /// Remove without asking you to confirm
    #[arg(long, requires = "removal")]
    pub yes: bool,

    #[command(flatten)]
    pub server: ServerArgs,
    #[command(flatten)]
    pub relay: RelayArgs,
    #[command(flatten)]
    pub fake: FakeArgs,
    #[command(flatten)]
    pub retention: RetentionArgs,
    #[command(flatten)]
    pub database: DatabaseArgs,
    #[command(flatten)]
    pub model: ModelArgs,
    #[command(flatten)]
    pub universe: UniverseArgs,
    #[command(flatten)]
    pub calendar: MarketCalendarArgs,
    #[command(flatten)]
    pub run: RunArgs,
}

impl UpArgs {
    /// Whether the market follows the real clock.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.live || self.is_around_the_clock()
    }

    /// Whether every minute of every day is traded in real time.
    fn is_around_the_clock(&self) -> bool {
        self.around_the_clock || self.fake.fake_data
    }

    /// The days of history that a new market gets: those that are asked for, or two for test symbols.
    #[must_use]
    pub fn days(&self) -> Option<u16> {
        self.days.or(self.fake.fake_data.then_some(FakeArgs::DAYS))
    }

    /// The universe that is asked for, if one is.
    ///
    /// # Errors
    /// It cannot be used, or there is one beside test symbols.
    pub fn universe(&self) -> anyhow::Result<Option<Universe>> {
        match &self.universe.universe {
            Some(universe) if self.fake.fake_data => {
                bail!("--fake-data has its own symbols, and --universe says {universe}; leave one of them out")
            }
            _ if self.fake.fake_data => self.fake.universe().map(Some),
            _ => self.universe.universe(),
        }
    }

    /// The model that is asked for.
    ///
    /// # Errors
    /// A file of it cannot be used, or there is a model beside test symbols, or a request that needs a database.
    pub fn choice(&self) -> anyhow::Result<ModelChoice> {
        let choice = self.model.choice()?;
        if !self.fake.fake_data {
            return Ok(choice);
        }
        if self.fresh || self.from_now {
            bail!("--fake-data keeps nothing that --fresh or --from-now could remove; leave one of them out");
        }
        if self.model.model.is_some() || self.model.parameters.model_params.is_some() {
            bail!("--fake-data has its own model; leave out --model and --model-params");
        }
        Ok(ModelChoice { scenarios: choice.scenarios, ..FakeArgs::choice() })
    }

    /// The hours that are asked for.
    ///
    /// # Errors
    /// A calendar is named beside `--around-the-clock` or `--fake-data`, which have their own.
    pub fn hours(&self) -> anyhow::Result<Option<Hours>> {
        match self.calendar.hours {
            hours if !self.is_around_the_clock() => Ok(hours),
            None | Some(Hours::AroundTheClock) => Ok(Some(Hours::AroundTheClock)),
            Some(other) => {
                let flag = if self.around_the_clock { "--around-the-clock" } else { "--fake-data" };
                bail!("{flag} is the calendar 24x7, and --calendar says {other}; leave one of them out")
            }
        }
    }
}
