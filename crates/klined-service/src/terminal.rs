//! What standard error can show.

use std::ffi::OsString;
use std::io::{self, IsTerminal};

/// Whether standard error is a terminal on which lines can be drawn again.
#[must_use]
pub fn is_terminal() -> bool {
    io::stderr().is_terminal() && variable("TERM").is_none_or(|term| term != "dumb")
}

/// Whether standard error shows colours: it is a terminal, and `NO_COLOR` is not set or empty.
#[must_use]
pub fn has_colours() -> bool {
    is_terminal() && variable("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[allow(clippy::disallowed_methods, reason = "the terminal and its user say it in the environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
