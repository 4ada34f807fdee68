//! Why a job could not be done.

use chrono::NaiveDate;
use thiserror::Error;

use crate::store::StoreError;
use klined_market::bars::InvalidCheckpoint;
use klined_market::base::{Shard, Symbol, UnixSeconds};
use klined_market::calendar::{CalendarError, Hours};
use klined_market::model::InvalidScenario;
use klined_market::universe::UniverseChoice;

/// A failure of a job.
#[derive(Debug, Error)]
pub enum JobError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Calendar(#[from] CalendarError),
    /// A stored checkpoint was changed by hand.
    #[error("model_checkpoint and stock_state cannot be used: {0}; `klined repair` makes them again")]
    Checkpoint(#[from] InvalidCheckpoint),
    /// A calendar was named for a market that has another.
    #[error(
        "this database holds a market of the calendar {found}, not of {asked}, and a market keeps its calendar. Leave --calendar out \
         to go on with it, or use another database; `klined reset` removes the market, and the next one may have another calendar"
    )]
    OtherCalendar { found: Hours, asked: Hours },
    /// The market began after the calendar was chosen, with other hours.
    #[error("the market of this database has the calendar {found}, not {held}; run the command again")]
    OtherHours { found: Hours, held: Hours },
    /// Parameters were given to a model that has none.
    #[error(
        "--model-params is for --model full, and this market's model is gbm; leave it out, or use another database"
    )]
    UnusedParameters,
    /// A scenario that does not fit this market's calendar.
    #[error("the scenario {name} cannot be applied: {source}")]
    Scenario { name: String, source: InvalidScenario },
    /// A scenario for a symbol or sector that does not exist.
    #[error("the scenario {name} is for {target}, which stock_metadata does not have")]
    ScenarioTarget { name: String, target: String },
    /// A scenario that begins before the newest written bar.
    #[error(
        "the scenario {name} begins at {from}, but bars are written up to {newest}: bars are never changed. Give it later times, \
         or count its days (\"day 1 10:00\" is of the next trading day)"
    )]
    ScenarioTooLate { name: String, from: String, newest: String },
    /// Another scenario of the same name has been applied.
    #[error(
        "a scenario {name} with other events is part of this market already; give the new one another name, or the file as it was"
    )]
    ScenarioChanged { name: String },
    /// The database has a bar where this calendar has no minute.
    #[error(
        "the last bar of {symbol} is at Unix second {time}, which is no trading minute of this calendar; use the same \
         --calendar-file as before"
    )]
    ForeignMinute { symbol: Symbol, time: UnixSeconds },
    /// Rows that a market cannot have left behind.
    #[error(
        "the rows of this database contradict one another: {rows}. Nothing was written. `klined verify` names all that is off, and \
         `klined repair` puts it right after it has shown what it will change"
    )]
    Contradiction { rows: String },
    /// A file that SQLite itself finds damaged.
    #[error("the database's file is damaged: {0}. Nothing was changed; restore a backup")]
    DamagedFile(String),
    /// The bars of an exchange, which no model makes.
    #[error(
        "this database holds the trades of an exchange ({0}): its bars come from the exchange's log, and no seed makes them. Only \
         exchange-bars writes them, and `exchange-bars --verify` compares them with the log. Use another database for a market \
         of a model"
    )]
    OfVenue(String),
    /// The market of another exchange's run, or of a model.
    #[error(
        "this database holds the market of {found}, not of {wanted}; use another database, or remove its market with `klined reset`"
    )]
    OtherVenue { found: String, wanted: String },
    /// A security of an exchange that cannot be a stock.
    #[error(transparent)]
    Instrument(#[from] klined_market::base::InvalidInstrument),
    /// Bars that another function has made.
    #[error(
        "{differing} of {minutes} 1-minute bars are not those that seed {seed} and model {model} make. Nothing was changed. If they \
         were made with another seed or other parameters, give these with --seed and --model-params; to make all bars again, use \
         `market-backfill --days N --clear`"
    )]
    OtherFunction { differing: u64, minutes: u64, seed: u64, model: String },
    /// A symbol that the universe does not have.
    #[error("there is no stock {symbol} in stock_metadata; it has {known}")]
    UnknownSymbol { symbol: Symbol, known: String },
    /// A database whose bars cannot be completed, because nobody has begun a market in it.
    #[error("this database has no market yet: market_identity is empty; start a generator or a backfill first")]
    NoMarket,
    /// A symbol that is not to be traded.
    #[error("stock {0} is not active, or its row in stock_metadata is not valid; correct it there first")]
    InactiveSymbol(Symbol),
    /// A symbol of another shard.
    #[error("stock {symbol} does not belong to shard {shard}; leave --shard out, or name the shard that has it")]
    OtherShard { symbol: Symbol, shard: Shard },
    /// The database has another universe.
    #[error(
        "{missing} of the {wanted} stocks of --universe {universe} are not in stock_metadata ({examples}), which has {found}. \
         Leave --universe out to go on with the stocks that are there, or use another database; or begin anew: \
         DELETE FROM stock_metadata, then `market-backfill --days N --clear --universe {universe}`"
    )]
    OtherUniverse { universe: UniverseChoice, missing: usize, wanted: usize, examples: String, found: usize },
    /// Nothing to generate.
    #[error("stock_metadata has no stock that is active and valid; add one, or set is_active")]
    EmptyUniverse,
    /// A shard of a market that has no listings yet; the first shard writes them.
    #[error("the market has not begun, and the writer of shard {} waits for that of shard 1/{} to begin it", .0, .0.of())]
    NotBegun(Shard),
    /// A scenario that writers which already run would not read.
    #[error(
        "the scenario {name} cannot be applied by a part of the market's writers once it has begun; stop them all and start one \
         with it and without --shard, or run `market-backfill --scenario`, and then start them again"
    )]
    ScenarioOfShard { name: String },
    /// The newest bar is later than the clock.
    #[error(
        "the newest bar in this database is of {newest}, {ahead} trading days later than now ({now}), as a run with --test leaves \
         it. `klined up --live --from-now` makes the days up to now again, with the same bars, and removes the later ones. Or go on \
         with --test, use another database, or begin anew with `market-backfill --days N --clear`"
    )]
    FutureData { newest: String, now: String, ahead: usize },
    /// A market whose days cannot be made again from its seed alone.
    #[error(
        "the days up to now cannot be made again with the same bars: {reason}. Go on with --test, use another database, or begin \
         anew with `klined up --live --fresh`"
    )]
    NotRepeatable { reason: &'static str },
    /// A backfill that would have to write before a symbol's first bar.
    #[error(
        "{symbol} already has bars from {first_day} on, and a market can only be continued forward, not preceded; ask for \
         days from {first_day} on, or replace what is there with --clear"
    )]
    AlreadyBegun { symbol: Symbol, first_day: NaiveDate },
    /// More days than the exchange has been open.
    #[error(
        "--days {days} reaches back before the exchange opened on {opened}; until {until} it had {available} trading days"
    )]
    TooManyDays { days: usize, opened: NaiveDate, until: NaiveDate, available: usize },
    /// A range without a trading day that is over.
    #[error("no trading minute lies between {from} and {to} that is over by now ({now})")]
    EmptyRange { from: NaiveDate, to: NaiveDate, now: String },
}

impl JobError {
    /// Whether the same call can succeed later without a correction by an operator.
    #[must_use]
    pub fn is_retriable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retriable(),
            Self::NotBegun(_) => true,
            _ => false,
        }
    }
}
