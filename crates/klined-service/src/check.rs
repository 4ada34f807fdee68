//! `--check`: whether a program could run, one line for each check, and nothing changed.
//!
//! A line begins with `ok`, with `note` for what the start itself will put right or the operator should know, or with `FAIL`.
//! So a service manager may run it before each start, also the first one.

use std::fmt::Display;
use std::path::Path;
use std::process::ExitCode;

use rustix::fs::{Access, access};

use crate::args::LogArgs;
use crate::{logging, one_line, say};

/// What was found so far. Every finding is printed at once.
#[derive(Debug, Default)]
pub struct CheckReport {
    has_failed: bool,
}

impl CheckReport {
    /// The subject is as the program needs it.
    pub fn ok(&mut self, subject: &str, what: impl Display) {
        line("ok  ", subject, what);
    }

    /// The start will put the subject right, or the operator should know of it.
    pub fn note(&mut self, subject: &str, what: impl Display) {
        line("note", subject, what);
    }

    /// The program could not run.
    pub fn fail(&mut self, subject: &str, why: impl Display) {
        self.has_failed = true;
        line("FAIL", subject, why);
    }

    /// Success when nothing has failed.
    #[must_use]
    pub fn status(&self) -> ExitCode {
        if self.has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    /// Checks logs, and reports a mistake that the program has found in its own configuration.
    pub(crate) fn configuration(&mut self, log: &LogArgs, name: &str, own: anyhow::Result<()>) {
        let outcome = own.and_then(|()| logging::check_filter(log, name).map(drop)).and_then(|()| {
            let is_usable = log.no_log_files || could_make(&log.log_dir);
            if is_usable { Ok(()) } else { Err(anyhow::anyhow!(logging::unwritable(&log.log_dir))) }
        });
        match outcome {
            Ok(()) => self.ok("configuration", "can be used"),
            Err(error) => self.fail("configuration", one_line(&error)),
        }
    }
}

fn line(verdict: &str, subject: &str, what: impl Display) {
    say!("{verdict} {subject}: {}", what.to_string().replace('\n', " "));
}

/// Whether this process may make files in a directory.
#[must_use]
pub fn is_writable(directory: &Path) -> bool {
    access(directory, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

/// Whether this user may write a file that is there.
#[must_use]
pub fn is_writable_file(file: &Path) -> bool {
    access(file, Access::WRITE_OK).is_ok()
}

/// Whether a directory exists and can be written, or could be made.
fn could_make(directory: &Path) -> bool {
    let Ok(directory) = std::path::absolute(directory) else { return false };
    let nearest = directory.ancestors().find(|ancestor| ancestor.exists());
    nearest.is_some_and(|nearest| nearest.is_dir() && is_writable(nearest))
}
