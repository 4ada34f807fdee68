//! Logs to standard error and to daily files: `logs/NAME.DATE.log`, with `logs/NAME.log` a link to today's.

mod lines;

use anyhow::Context;
use tracing::{Level, Metadata};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use crate::args::{LogArgs, LogFormat};
use crate::output::LogOutput;
use crate::terminal;
use lines::LineFormat;

pub(crate) use lines::FATAL;

/// How many daily files of a program are kept.
const FILES_MAX: usize = 30;

/// The logs of this program, whose filter can be read again.
pub struct Logs {
    args: LogArgs,
    name: String,
    filter: reload::Handle<EnvFilter, Registry>,
}

impl Logs {
    /// Reads the filter again and applies it; gives its directives.
    ///
    /// # Errors
    /// It cannot be read or is not valid: the one before stays.
    pub fn reload(&self) -> anyhow::Result<String> {
        let directives = self.args.directives(&self.name)?;
        self.filter.reload(parse(&directives)?).context("cannot change the log filter")?;
        Ok(directives)
    }
}

/// Starts logging under a program's name, which is also that of its files.
///
/// # Errors
/// The filter is not valid, the directory cannot be written, or logging has been started before.
pub fn start(args: &LogArgs, name: &str) -> anyhow::Result<Logs> {
    let (filter, handle) = reload::Layer::new(check_filter(args, name)?);
    let file = (!args.no_log_files).then(|| daily_file(args, name)).transpose()?;
    let is_journal = is_journal();
    let (console, in_file) = match args.log_format {
        LogFormat::Json => (LineFormat::json(is_journal), LineFormat::json(false)),
        LogFormat::Text if is_journal => (LineFormat::journal(), LineFormat::file()),
        LogFormat::Text => (LineFormat::console(), LineFormat::file()),
    };
    let has_colours = terminal::has_colours() && args.log_format == LogFormat::Text;
    // A line that cannot be written is dropped: reported on standard error it would end the program when that is closed.
    let console = fmt::layer().log_internal_errors(false).event_format(console).with_ansi(has_colours);
    let in_file = fmt::layer().log_internal_errors(false).event_format(in_file).with_ansi(false);
    tracing_subscriber::registry()
        .with(filter)
        .with(filter_fn(shows_no_secret))
        .with(console.with_writer(|| LogOutput))
        .with(file.map(|file| in_file.with_writer(file)))
        .try_init()
        .context("cannot start logging")?;
    Ok(Logs { args: args.clone(), name: name.to_owned(), filter: handle })
}

/// Libraries that write whole requests to their finest log, with the keys in their headers and paths.
const TALKATIVE: [&str; 10] = [
    "axum",
    "h2",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "tokio_tungstenite",
    "tower_http",
    "tungstenite",
    "ureq",
];

/// Whether an event can be logged without giving a key away, whatever the filter asks for.
fn shows_no_secret(event: &Metadata<'_>) -> bool {
    let library = event.target().split("::").next().unwrap_or_default();
    *event.level() != Level::TRACE || !TALKATIVE.contains(&library)
}

/// The filter that is asked for.
///
/// # Errors
/// It cannot be read or is not valid.
pub(crate) fn check_filter(args: &LogArgs, name: &str) -> anyhow::Result<EnvFilter> {
    parse(&args.directives(name)?)
}

fn parse(directives: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(format!("{directives},{FATAL}=error")).with_context(|| {
        format!("--log \"{directives}\" is not a valid filter; write it like \"info\" or \"klined=debug,warn\"")
    })
}

/// Whether standard error is the stream of systemd's journal.
fn is_journal() -> bool {
    let Ok(stat) = rustix::fs::fstat(std::io::stderr()) else { return false };
    journal_stream().is_some_and(|stream| stream == (stat.st_dev, stat.st_ino))
}

/// Device and inode of the journal's stream, when systemd reads standard output or error.
#[allow(clippy::disallowed_methods, reason = "systemd says it in the environment")]
fn journal_stream() -> Option<(u64, u64)> {
    let text = std::env::var("JOURNAL_STREAM").ok()?;
    let (device, inode) = text.split_once(':')?;
    Some((device.parse().ok()?, inode.parse().ok()?))
}

fn daily_file(args: &LogArgs, name: &str) -> anyhow::Result<RollingFileAppender> {
    // Absolute, because the link to the newest file would otherwise be resolved inside the directory.
    let directory =
        &std::path::absolute(&args.log_dir).with_context(|| format!("--log-dir {}", args.log_dir.display()))?;
    let context = || unwritable(directory);
    std::fs::create_dir_all(directory).with_context(context)?;
    let build = || {
        RollingFileAppender::builder()
            .rotation(Rotation::DAILY)
            .filename_prefix(name)
            .filename_suffix("log")
            .latest_symlink(format!("{name}.log"))
            .max_log_files(FILES_MAX)
            .build(directory)
    };
    // When two programs start at once, one may find the link made between its removal and its making; the next try removes it.
    build().or_else(|_| build()).or_else(|_| build()).with_context(context)
}

/// What an operator reads when the directory of the log files cannot be used.
pub(crate) fn unwritable(directory: &std::path::Path) -> String {
    format!("cannot write log files to {}; choose another --log-dir, or use --no-log-files", directory.display())
}
