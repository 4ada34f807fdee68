//! Logs to standard error and to daily files: `logs/NAME.DATE.log`, with `logs/NAME.log` a link to today's.

mod lines;

use std::io::IsTerminal;

use anyhow::Context;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Registry, fmt, reload};

use crate::config::{LogArgs, LogFormat, journal_stream};
use lines::Lines;

/// How many daily files are kept.
const FILES_MAX: usize = 30;

/// The target of the one event that tells what ended the program. No filter leaves it out.
pub const FATAL: &str = "klined_fatal";

/// The logs of this program, whose filter can be read again.
pub struct Logs {
    args: LogArgs,
    filter: reload::Handle<EnvFilter, Registry>,
}

impl Logs {
    /// Reads the filter again and goes by it; gives its directives.
    ///
    /// # Errors
    /// It cannot be read or is none: the one before stays.
    pub fn reload(&self) -> anyhow::Result<String> {
        let directives = self.args.directives()?;
        self.filter.reload(parse(&directives)?).context("cannot change the log filter")?;
        Ok(directives)
    }
}

/// Starts logging under a program's name.
///
/// # Errors
/// The filter is wrong, or the directory cannot be written.
pub fn start(args: &LogArgs, name: &str) -> anyhow::Result<Logs> {
    let (filter, handle) = reload::Layer::new(check_filter(args)?);
    let file = (!args.no_log_files).then(|| daily_file(args, name)).transpose()?;
    let (is_terminal, is_journal) = (std::io::stderr().is_terminal(), is_journal());
    let (console, in_file) = match args.log_format {
        LogFormat::Json => (Lines::json(is_journal), Lines::json(false)),
        LogFormat::Text if is_journal => (Lines::journal(), Lines::file()),
        LogFormat::Text => (Lines::console(), Lines::file()),
    };
    let has_colours = is_terminal && args.log_format == LogFormat::Text;
    tracing_subscriber::registry()
        .with(filter)
        .with(fmt::layer().event_format(console).with_ansi(has_colours).with_writer(std::io::stderr))
        .with(file.map(|file| fmt::layer().event_format(in_file).with_ansi(false).with_writer(file)))
        .try_init()
        .context("cannot start logging")?;
    Ok(Logs { args: args.clone(), filter: handle })
}

/// The filter asked for.
///
/// # Errors
/// It cannot be read or is none.
pub fn check_filter(args: &LogArgs) -> anyhow::Result<EnvFilter> {
    parse(&args.directives()?)
}

fn parse(directives: &str) -> anyhow::Result<EnvFilter> {
    EnvFilter::try_new(format!("{directives},{FATAL}=error"))
        .with_context(|| format!("--log \"{directives}\" is no filter"))
}

/// Whether standard error goes straight to systemd's journal.
fn is_journal() -> bool {
    let Ok(stat) = rustix::fs::fstat(std::io::stderr()) else { return false };
    journal_stream().is_some_and(|stream| stream == (stat.st_dev, stat.st_ino))
}

fn daily_file(args: &LogArgs, name: &str) -> anyhow::Result<RollingFileAppender> {
    // Absolute, because the link to the newest file would otherwise be looked up from inside the directory.
    let directory =
        &std::path::absolute(&args.log_dir).with_context(|| format!("--log-dir {}", args.log_dir.display()))?;
    let context = || {
        format!("cannot write log files to {}; choose another --log-dir, or use --no-log-files", directory.display())
    };
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
    // Of two that start at once one finds the link made between its removal and its making; the next try removes it.
    build().or_else(|_| build()).or_else(|_| build()).with_context(context)
}
