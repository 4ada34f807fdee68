//! Logs to standard error and to daily files: `logs/NAME.DATE.log`, with `logs/NAME.log` a link to today's.

use std::io::IsTerminal;

use anyhow::Context;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::{EnvFilter, filter_fn};
use tracing_subscriber::fmt;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogArgs;

/// How many daily files are kept.
const FILES_MAX: usize = 30;

/// The target of the one event that standard error gets in words of its own: what ended the program.
pub const FATAL: &str = "klined_fatal";

/// Starts logging under a program's name.
///
/// # Errors
/// The filter is wrong, or the directory cannot be written.
pub fn start(args: &LogArgs, name: &str) -> anyhow::Result<()> {
    let directives = args.log.clone().unwrap_or_else(|| {
        let level = if args.verbose { "debug" } else { "info" };
        format!("warn,klined={level},{FATAL}=error")
    });
    let filter = EnvFilter::try_new(&directives).with_context(|| format!("--log \"{directives}\" is no filter"))?;
    let file = (!args.no_log_files).then(|| daily_file(args, name)).transpose()?;
    tracing_subscriber::registry()
        .with(filter)
        .with(
            fmt::layer()
                .with_target(false)
                .with_ansi(std::io::stderr().is_terminal())
                .with_writer(std::io::stderr)
                .with_filter(filter_fn(|event| event.target() != FATAL)),
        )
        .with(file.map(|file| fmt::layer().with_target(false).with_ansi(false).with_writer(file)))
        .try_init()
        .context("cannot start logging")
}

fn daily_file(args: &LogArgs, name: &str) -> anyhow::Result<RollingFileAppender> {
    // Absolute, because the link to the newest file would otherwise be looked up from inside the directory.
    let directory =
        &std::path::absolute(&args.log_dir).with_context(|| format!("--log-dir {}", args.log_dir.display()))?;
    let context = || {
        format!("cannot write log files to {}; choose another --log-dir, or use --no-log-files", directory.display())
    };
    std::fs::create_dir_all(directory).with_context(context)?;
    RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(name)
        .filename_suffix("log")
        .latest_symlink(format!("{name}.log"))
        .max_log_files(FILES_MAX)
        .build(directory)
        .with_context(context)
}
