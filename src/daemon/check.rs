//! What `--check` finds out about a market: its calendar, database, migrations, market and partitions, and its server's address
//! and keys.

use std::path::Path;
use std::sync::Arc;

use klined_service::{CheckReport, is_writable, is_writable_file, one_line};

use super::clock::SystemClock;
use super::{keys, relay};
use crate::config::{
    AggregatorArgs, ApiArgs, BackfillArgs, CalendarArgs, DatabaseArgs, GeneratorArgs, ModelArgs, ServerArgs,
    UniverseArgs,
};
use crate::jobs::{self, JobError, Market, ModelChoice};
use crate::relay::Vendor;
use crate::store::{self, BarStore, StoreError, StoreOptions};
use klined_market::base::{Clock, Symbol};
use klined_market::calendar::Calendar;
use klined_market::calendar::Hours;
use klined_market::universe::Universe;

/// With fewer known days left, the operator is reminded of the calendar.
const KNOWN_DAYS_MIN: i64 = 30;

/// Checks whether `market-generator` could run.
pub fn generator(args: &GeneratorArgs, report: &mut CheckReport) {
    let wanted = wanted(&args.model, &args.universe);
    let (found, hours) = (Found::open(&args.database), args.calendar.hours);
    if let (Some(calendar), Ok((choice, universe))) =
        (calendar(&args.calendar.changes, found.hours(hours), report), wanted)
        && let Some(store) = found.report(Access::Write, report)
    {
        let (seed, only) = (args.model.seed, &args.symbols);
        let claim = MarketClaim { choice, seed, hours, universe, only, follows_clock: !args.test };
        market(&store, &calendar, claim, report);
        partitions(&*store, &calendar, PartitionMaker::ThisProgram, report);
    }
}

/// Checks whether `market-backfill` could run.
pub fn backfill(args: &BackfillArgs, report: &mut CheckReport) {
    let wanted = wanted(&args.model, &args.universe);
    let found = Found::open(&args.database);
    // A market that is going to be removed need not be the one asked for.
    let (hours, is_kept) = (args.calendar.hours, !args.clear);
    let calendar =
        calendar(&args.calendar.changes, hours.filter(|_| args.clear).unwrap_or_else(|| found.hours(hours)), report);
    if let (Some(calendar), Ok((choice, universe))) = (calendar, wanted)
        && let Some(store) = found.report(Access::Write, report)
        && is_kept
    {
        let only: Vec<Symbol> = args.symbol.into_iter().collect();
        let seed = args.model.seed;
        let claim = MarketClaim { choice, seed, hours, universe, only: &only, follows_clock: false };
        market(&store, &calendar, claim, report);
    }
}

/// Checks whether `data-aggregator` could run.
pub fn aggregator(args: &AggregatorArgs, report: &mut CheckReport) {
    let found = Found::open(&args.database);
    if let Some(calendar) = calendar(&args.calendar, found.hours(None), report)
        && let Some(store) = found.report(Access::Write, report)
    {
        partitions(&*store, &calendar, PartitionMaker::Generator, report);
    }
}

/// Checks whether `market-api` could run.
pub fn api(args: &ApiArgs, report: &mut CheckReport) {
    let found = (!args.fake.fake_data).then(|| Found::open(&args.database));
    match (&found, args.fake.stocks()) {
        (Some(found), _) => drop(calendar(&args.calendar, found.hours(None), report)),
        (None, Ok(stocks)) => report.ok("test symbols", format!("{} stocks, without a database", stocks.len())),
        (None, Err(error)) => report.fail("test symbols", one_line(&error)),
    }
    server(&args.server, report);
    match relay::relay(&args.relay) {
        Ok(None) => {}
        Ok(Some(relay)) => {
            let vendors: Vec<_> = relay.vendors().map(Vendor::as_str).collect();
            report.ok("relay", format!("other symbols are passed on to {}", vendors.join(" and ")));
        }
        Err(error) => report.fail("relay", one_line(&error)),
    }
    if let Some(found) = found {
        found.report(Access::Read, report);
    }
}

/// The model and the universe that are asked for.
///
/// # Errors
/// A file cannot be used.
pub fn wanted(model: &ModelArgs, universe: &UniverseArgs) -> anyhow::Result<(ModelChoice, Option<Universe>)> {
    Ok((model.choice()?, universe.universe()?))
}

/// What the generator would claim the database for.
struct MarketClaim<'a> {
    choice: ModelChoice,
    seed: Option<u64>,
    hours: Option<Hours>,
    universe: Option<Universe>,
    only: &'a [Symbol],
    follows_clock: bool,
}

/// What a program does with its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// The program that makes partitions that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PartitionMaker {
    ThisProgram,
    Generator,
}

/// Whether the server could listen, and has the keys that it needs there. An address that is in use may be that of this
/// program's own process, which is about to end.
pub fn server(args: &ServerArgs, report: &mut CheckReport) {
    let address = match keys::address(args) {
        Ok(address) => address,
        Err(error) => return report.fail("address", one_line(&error)),
    };
    match std::net::TcpListener::bind(address) {
        Ok(_) => report.ok("address", format_args!("{address} can be listened on")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            report.note("address", format_args!("{address} is in use now, possibly by this program itself"));
        }
        Err(error) => report.fail("address", format_args!("cannot listen on {address}: {error}")),
    }
    match keys::required(args, address) {
        Ok(Some(keys)) => report.ok("keys", format_args!("{} of them can be used", keys.len())),
        Ok(None) => report.note("keys", "requests need no key: every program on this machine may send them"),
        Err(error) => report.fail("keys", one_line(&error)),
    }
}

/// The calendar of a market with these hours, when it can be used.
fn calendar(args: &CalendarArgs, hours: Hours, report: &mut CheckReport) -> Option<Arc<Calendar>> {
    let subject = "calendar";
    let calendar = match args.calendar(hours) {
        Ok(calendar) => calendar,
        Err(error) => {
            report.fail(subject, one_line(&error));
            return None;
        }
    };
    let known_until = calendar.known_until();
    let today = match calendar.date_of(SystemClock.now()) {
        Ok(today) => today,
        Err(error) => {
            report.fail(subject, error);
            return None;
        }
    };
    let left = (known_until - today).num_days();
    let remedy = "give the exchange's holidays with --calendar-file";
    if today > calendar.last_day() {
        report.fail(subject, format_args!("its last day was {}; {remedy}", calendar.last_day()));
    } else if left < 0 {
        report.note(
            subject,
            format_args!("the holidays after {known_until} are projected, not published, and today is later; {remedy}"),
        );
    } else if left < KNOWN_DAYS_MIN {
        report
            .note(subject, format_args!("holidays are published until {known_until}, for {left} more days; {remedy}"));
    } else {
        report.ok(subject, format_args!("holidays are published until {known_until}, for {left} more days"));
    }
    Some(Arc::new(calendar))
}

/// A database that was opened, unless it would have been made.
struct Found {
    options: StoreOptions,
    /// None where there is no database yet.
    opened: Option<Result<Opened, StoreError>>,
}

/// What a check needs of an open database.
struct Opened {
    store: Arc<dyn BarStore>,
    pending: Vec<String>,
    may_create: bool,
    /// None without a market, and before the tables are those of this version.
    hours: Option<Hours>,
}

impl Opened {
    fn of(options: &StoreOptions) -> Result<Self, StoreError> {
        let store = store::open(options)?;
        let (pending, may_create) = (store.pending_migrations()?, store.may_create_tables()?);
        let identity = if pending.is_empty() { store.identity()? } else { None };
        Ok(Self { store, pending, may_create, hours: identity.map(|identity| identity.hours) })
    }
}

impl Found {
    fn open(args: &DatabaseArgs) -> Self {
        let options = args.options();
        // Opening would make the file, or write into an empty one that was made beforehand.
        let is_empty = |path: &Path| std::fs::metadata(path).is_ok_and(|file| file.len() == 0);
        let is_missing = options.url.missing_file().is_some()
            || matches!(&options.url, store::DatabaseUrl::Sqlite(path) if is_empty(path));
        let opened = (!is_missing).then(|| Opened::of(&options));
        Self { options, opened }
    }

    /// The hours of the market that is there, or else those that are asked for.
    fn hours(&self, asked: Option<Hours>) -> Hours {
        let found = self.opened.as_ref().and_then(|opened| opened.as_ref().ok()?.hours);
        found.or(asked).unwrap_or_default()
    }

    /// The store, when it has all its tables.
    fn report(self, access: Access, report: &mut CheckReport) -> Option<Arc<dyn BarStore>> {
        let (subject, url) = ("database", &self.options.url);
        let Some(opened) = self.opened else {
            match url.directory() {
                Some(directory) if !is_writable(directory) => {
                    report.fail(
                        subject,
                        format_args!("{url} does not exist yet and {} cannot be written", directory.display()),
                    );
                }
                _ => report.note(subject, format_args!("{url} does not exist yet; the start makes it")),
            }
            return None;
        };
        let Opened { store, pending, may_create, .. } = match opened {
            Ok(opened) => opened,
            Err(error) => {
                report.fail(subject, error);
                return None;
            }
        };
        let writable = match url {
            store::DatabaseUrl::Sqlite(path) => is_writable_file(path),
            store::DatabaseUrl::Postgres(_) => true,
        };
        match (store.require_writable(), access) {
            (Ok(()), _) if writable => report.ok(subject, format_args!("{url} answers")),
            (Ok(()), Access::Write) => {
                report.fail(
                    subject,
                    format_args!(
                        "{url} can be read, and not written by this user; correct the rights of the file and its directory"
                    ),
                );
                return None;
            }
            (Ok(()), Access::Read) => {
                report.note(subject, format_args!("{url} can be read, and not written by this user"));
            }
            (Err(error), Access::Write) => {
                report.fail(subject, error);
                return None;
            }
            (Err(_), Access::Read) => report.note(
                subject,
                format_args!(
                    "{url} answers through a pooler in transaction mode: the feed asks it every 25 ms for what is new"
                ),
            ),
        }
        let subject = "migrations";
        match (pending.as_slice(), may_create) {
            ([], _) => {
                report.ok(subject, "none is pending");
                return Some(store);
            }
            (names, true) => report.note(subject, format_args!("the start runs {}", names.join(", "))),
            (names, false) => report
                .fail(subject, format_args!("{} must be run, and this user may not create tables", names.join(", "))),
        }
        None
    }
}

/// Whether the database holds the market that is asked for, or none yet.
fn market(store: &Arc<dyn BarStore>, calendar: &Arc<Calendar>, claim: MarketClaim<'_>, report: &mut CheckReport) {
    let subject = "market";
    let found = jobs::hours(&**store, claim.hours)
        .and_then(|_| {
            let universe = claim.universe.as_ref();
            Market::recognise(store.clone(), calendar.clone(), claim.choice, claim.seed, universe)
        })
        .and_then(|market| {
            market.require_agreement()?;
            let newest = market.newest()?;
            if let Some(newest) = newest.filter(|_| claim.follows_clock) {
                jobs::refuse_future(&market.calendar, newest, SystemClock.now())?;
            }
            let is_new = store.identity()?.is_none();
            let stocks = if is_new { None } else { Some(jobs::tradable(&**store, claim.only)?) };
            Ok((market, newest, stocks))
        });
    match found {
        Ok((market, newest, Some(stocks))) => {
            let last = newest.map_or_else(|| "none".to_owned(), |minute| market.calendar.local_minute(minute));
            let (seed, model) = (market.source.seed().0, market.source.version());
            report.ok(subject, format_args!("seed {seed}, model {model}, {stocks} stocks, last minute {last}"));
        }
        Ok(_) => report.note(subject, "there is none yet; the start makes one"),
        Err(error) => report.fail(subject, error),
    }
}

/// Whether the partitions of the next months exist, or will be made.
fn partitions(store: &dyn BarStore, calendar: &Calendar, maker: PartitionMaker, report: &mut CheckReport) {
    let subject = "partitions";
    let today = calendar.date_of(SystemClock.now()).map_err(JobError::from);
    let missing = today
        .and_then(|today| jobs::missing_partitions(store, today))
        .and_then(|names| Ok((names, maker == PartitionMaker::Generator || store.may_make_partitions()?)));
    let unprepared = || {
        let today = calendar.date_of(SystemClock.now()).ok()?;
        jobs::unprepared(store, today)
    };
    if let (Ok(_), Some(error)) = (&missing, unprepared()) {
        return report.note(subject, format_args!("those of the present exist or will be made; later, {error}"));
    }
    match missing {
        Ok((names, _)) if names.is_empty() => report.ok(subject, "those of the next two months exist"),
        Ok((names, true)) => report.note(subject, format_args!("the generator will make {} in time", names.join(", "))),
        Ok((names, false)) => {
            report.fail(subject, format_args!("{} are missing, and this user may not make them", names.join(", ")));
        }
        Err(error) => report.fail(subject, error),
    }
}
