//! `--check`: whether a program could run, one line a check, and nothing changed.
//!
//! A line begins with `ok`, with `note` for what the start itself will put right or the operator should know, or with `FAIL`.
//! So a service manager may ask before each start, that on an empty database included.

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use rustix::fs::{Access, access};

use super::clock::SystemClock;
use super::{api, blocking, logging};
use crate::config::{
    AggregatorArgs, ApiArgs, BackfillArgs, CalendarArgs, DatabaseArgs, GeneratorArgs, LogArgs, ModelArgs, ServerArgs,
    UniverseArgs,
};
use crate::jobs::{self, JobError, Market, ModelChoice};
use crate::store::{self, BarStore};
use klined_market::base::{Clock, Symbol};
use klined_market::calendar::Calendar;
use klined_market::universe::Universe;

/// With so few known days left the operator is reminded of the calendar.
const KNOWN_DAYS_MIN: i64 = 30;

/// Checks whether `market-generator` could run.
pub async fn generator(args: GeneratorArgs) -> anyhow::Result<ExitCode> {
    let wanted = wanted(&args.model, &args.universe);
    let follows_clock = !args.test;
    blocking(move || {
        let mut report = Report::default();
        report.configuration(&args.log, wanted.as_ref().err());
        if let (Some(calendar), Ok((choice, universe))) = (report.calendar(&args.calendar), wanted)
            && let Some(store) = report.database(&args.database)
        {
            let claim = Claim { choice, seed: args.model.seed, universe, only: &args.symbols, follows_clock };
            report.market(&store, &calendar, claim);
            report.partitions(&*store, &calendar, Maker::ThisProgram);
        }
        report.status()
    })
    .await
}

/// Checks whether `market-backfill` could run.
pub async fn backfill(args: BackfillArgs) -> anyhow::Result<ExitCode> {
    let wanted = wanted(&args.model, &args.universe);
    blocking(move || {
        let mut report = Report::default();
        report.configuration(&args.log, wanted.as_ref().err());
        if let (Some(calendar), Ok((choice, universe))) = (report.calendar(&args.calendar), wanted)
            && let Some(store) = report.database(&args.database)
        {
            let only: Vec<Symbol> = args.symbol.into_iter().collect();
            let claim = Claim { choice, seed: args.model.seed, universe, only: &only, follows_clock: false };
            // What is going to be removed need not fit.
            if !args.clear {
                report.market(&store, &calendar, claim);
            }
        }
        report.status()
    })
    .await
}

/// Checks whether `data-aggregator` could run.
pub async fn aggregator(args: AggregatorArgs) -> anyhow::Result<ExitCode> {
    blocking(move || {
        let mut report = Report::default();
        report.configuration(&args.log, None);
        if let Some(calendar) = report.calendar(&args.calendar)
            && let Some(store) = report.database(&args.database)
        {
            report.partitions(&*store, &calendar, Maker::Generator);
        }
        report.status()
    })
    .await
}

/// Checks whether `market-api` could run.
pub async fn api(args: ApiArgs) -> anyhow::Result<ExitCode> {
    blocking(move || {
        let mut report = Report::default();
        report.configuration(&args.log, None);
        report.calendar(&args.calendar);
        report.server(&args.server);
        report.database(&args.database);
        report.status()
    })
    .await
}

/// The model and the universe asked for.
fn wanted(model: &ModelArgs, universe: &UniverseArgs) -> anyhow::Result<(ModelChoice, Option<Universe>)> {
    Ok((model.choice()?, universe.universe()?))
}

/// What the generator would claim the database for.
struct Claim<'a> {
    choice: ModelChoice,
    seed: Option<u64>,
    universe: Option<Universe>,
    only: &'a [Symbol],
    follows_clock: bool,
}

/// Who makes partitions that are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Maker {
    ThisProgram,
    Generator,
}

/// What was found so far.
#[derive(Default)]
struct Report {
    has_failed: bool,
}

impl Report {
    fn ok(&mut self, subject: &str, what: impl Display) {
        println!("ok   {subject}: {what}");
    }

    fn note(&mut self, subject: &str, what: impl Display) {
        println!("note {subject}: {what}");
    }

    fn fail(&mut self, subject: &str, why: impl Display) {
        self.has_failed = true;
        println!("FAIL {subject}: {}", why.to_string().replace('\n', " "));
    }

    fn status(&self) -> ExitCode {
        if self.has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    fn configuration(&mut self, log: &LogArgs, mistake: Option<&anyhow::Error>) {
        let subject = "configuration";
        if let Some(error) = mistake {
            self.fail(subject, format_args!("{error:#}"));
        } else if let Err(error) = logging::check_filter(log) {
            self.fail(subject, format_args!("{error:#}"));
        } else if !log.no_log_files && !could_make(&log.log_dir) {
            let directory = log.log_dir.display();
            self.fail(
                subject,
                format_args!("cannot write log files to {directory}; choose another --log-dir, or use --no-log-files"),
            );
        } else {
            self.ok(subject, "can be used");
        }
    }

    /// Whether the server could listen, and has the keys that it needs there. An address that is in use may be this
    /// program's own, which is about to end.
    fn server(&mut self, args: &ServerArgs) {
        let address = match api::address(args) {
            Ok(address) => address,
            Err(error) => return self.fail("address", format_args!("{error:#}")),
        };
        match std::net::TcpListener::bind(address) {
            Ok(_) => self.ok("address", format_args!("{address} can be listened on")),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
                self.note("address", format_args!("{address} is in use at present"));
            }
            Err(error) => self.fail("address", format_args!("cannot listen on {address}: {error}")),
        }
        match api::keys(args, address) {
            Ok(Some(keys)) => self.ok("keys", format_args!("{} can be used", keys.len())),
            Ok(None) => self.note("keys", "none are asked for: every program of this machine may ask"),
            Err(error) => self.fail("keys", format_args!("{error:#}")),
        }
    }

    fn calendar(&mut self, args: &CalendarArgs) -> Option<Arc<Calendar>> {
        let subject = "calendar";
        let calendar = match args.calendar() {
            Ok(calendar) => calendar,
            Err(error) => {
                self.fail(subject, format_args!("{error:#}"));
                return None;
            }
        };
        let known_until = calendar.known_until();
        let today = match calendar.date_of(SystemClock.now()) {
            Ok(today) => today,
            Err(error) => {
                self.fail(subject, error);
                return None;
            }
        };
        let left = (known_until - today).num_days();
        let remedy = "give the exchange's holidays with --calendar-file";
        if today > calendar.last_day() {
            self.fail(subject, format_args!("it ended on {}; {remedy}", calendar.last_day()));
        } else if left < 0 {
            self.note(
                subject,
                format_args!("today is a projected day, known were those until {known_until}; {remedy}"),
            );
        } else if left < KNOWN_DAYS_MIN {
            self.note(subject, format_args!("holidays are known until {known_until}, for {left} more days; {remedy}"));
        } else {
            self.ok(subject, format_args!("holidays are known until {known_until}, for {left} more days"));
        }
        Some(Arc::new(calendar))
    }

    /// The store, when it has all tables and can be asked for more.
    fn database(&mut self, args: &DatabaseArgs) -> Option<Arc<dyn BarStore>> {
        let (subject, options) = ("database", args.options());
        let url = &options.url;
        // Opening would make it, or write into a file that somebody made beforehand.
        let is_empty = |path: &Path| std::fs::metadata(path).is_ok_and(|file| file.len() == 0);
        if url.missing_file().is_some() || matches!(url, store::DatabaseUrl::Sqlite(path) if is_empty(path)) {
            match url.directory() {
                Some(directory) if !is_writable(directory) => {
                    self.fail(
                        subject,
                        format_args!("{url} is not there yet and {} cannot be written", directory.display()),
                    );
                }
                _ => self.note(subject, format_args!("{url} is not there yet; the start makes it")),
            }
            return None;
        }
        let opened = store::open(&options).and_then(|store| {
            let (pending, may_create) = (store.pending_migrations()?, store.may_create_tables()?);
            Ok((store, pending, may_create))
        });
        let (store, pending, may_create) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.fail(subject, error);
                return None;
            }
        };
        self.ok(subject, format_args!("{url} answers"));
        let subject = "migrations";
        match (pending.as_slice(), may_create) {
            ([], _) => {
                self.ok(subject, "none is pending");
                return Some(store);
            }
            (names, true) => self.note(subject, format_args!("the start runs {}", names.join(", "))),
            (names, false) => self
                .fail(subject, format_args!("{} must be run, and this user may not create tables", names.join(", "))),
        }
        None
    }

    fn market(&mut self, store: &Arc<dyn BarStore>, calendar: &Arc<Calendar>, claim: Claim<'_>) {
        let subject = "market";
        let found =
            Market::recognise(store.clone(), calendar.clone(), claim.choice, claim.seed, claim.universe.as_ref())
                .and_then(|market| {
                    let newest = market.newest()?;
                    if let Some(newest) = newest.filter(|_| claim.follows_clock) {
                        jobs::refuse_future(newest, SystemClock.now())?;
                    }
                    let is_new = store.identity()?.is_none();
                    let stocks = if is_new { None } else { Some(jobs::tradable(&**store, claim.only)?) };
                    Ok((market, newest, stocks))
                });
        match found {
            Ok((market, newest, Some(stocks))) => {
                let last = newest.map_or_else(|| "none".to_owned(), |minute| minute.to_string());
                let (seed, model) = (market.model.seed.0, market.model.version());
                self.ok(subject, format_args!("seed {seed}, model {model}, {stocks} stocks, last minute {last}"));
            }
            Ok(_) => self.note(subject, "there is none yet; the start makes one"),
            Err(error) => self.fail(subject, error),
        }
    }

    fn partitions(&mut self, store: &dyn BarStore, calendar: &Calendar, who: Maker) {
        let subject = "partitions";
        let today = calendar.date_of(SystemClock.now()).map_err(JobError::from);
        let missing = today
            .and_then(|today| jobs::missing_partitions(store, today))
            .and_then(|names| Ok((names, who == Maker::Generator || store.may_make_partitions()?)));
        match missing {
            Ok((names, _)) if names.is_empty() => self.ok(subject, "those of the next two months are there"),
            Ok((names, true)) => self.note(subject, format_args!("the generator makes {} in time", names.join(", "))),
            Ok((names, false)) => {
                self.fail(subject, format_args!("{} are missing, and this user may not make them", names.join(", ")));
            }
            Err(error) => self.fail(subject, error),
        }
    }
}

/// Whether this process may make files in a directory.
fn is_writable(directory: &Path) -> bool {
    access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// Whether a directory is there and can be written, or could be made.
fn could_make(directory: &Path) -> bool {
    let Ok(directory) = std::path::absolute(directory) else { return false };
    let nearest = directory.ancestors().find(|ancestor| ancestor.exists());
    nearest.is_some_and(|nearest| nearest.is_dir() && is_writable(nearest))
}
