//! The line at the bottom of a terminal that is drawn again and again: the progress of a command, or the state of a daemon.
//!
//! It is drawn on standard error, and only on a terminal. It is cut to the terminal's width. What is printed by
//! [`output`](crate::output) and by the log appears above it, and nothing of it remains at the end.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{instant, terminal};

/// The least time between two drawings of a progress.
const DRAW_EVERY: Duration = Duration::from_millis(100);
/// No time left is estimated earlier.
const ESTIMATE_AFTER: Duration = Duration::from_secs(2);

/// The status line that is shown, of which a process has one.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn shown() -> Option<ProgressBar> {
    SHOWN.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Writes to the terminal while the status line is out of the way.
pub(crate) fn beside_status_line<T>(write: impl FnOnce() -> T) -> T {
    match shown() {
        Some(line) => line.suspend(write),
        None => write(),
    }
}

/// Removes the status line before a process ends early.
pub(crate) fn clear() {
    if let Some(line) = SHOWN.lock().unwrap_or_else(PoisonError::into_inner).take() {
        line.finish_and_clear();
    }
}

/// A line of text on a terminal, which the next text replaces. It is removed when it is dropped. A later status line replaces an
/// earlier one.
#[derive(Debug)]
pub struct StatusLine(ProgressBar);

impl StatusLine {
    /// Begins an empty line; where standard error is no terminal, nothing is ever shown.
    #[must_use]
    pub fn begin() -> Self {
        let target = if terminal::is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let line = ProgressBar::with_draw_target(None, target);
        // The template has one element, so it is always valid.
        if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
            line.set_style(style);
        }
        clear();
        if !line.is_hidden() {
            *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(line.clone());
        }
        Self(line)
    }

    /// Whether anybody sees it.
    #[must_use]
    pub fn is_shown(&self) -> bool {
        !self.0.is_hidden()
    }

    /// Replaces the text.
    pub fn set(&self, text: String) {
        self.0.set_message(text);
    }
}

impl Drop for StatusLine {
    fn drop(&mut self) {
        self.0.finish_and_clear();
        // The line that is shown may be a later one.
        drop(SHOWN.lock().unwrap_or_else(PoisonError::into_inner).take_if(|line| line.is_finished()));
    }
}

/// The progress of a long command: ` 53 %  1,234,000 of 2,345,000 bars  about 12 s left`. It costs nothing where standard error is
/// no terminal. It is removed when it is dropped.
#[derive(Debug)]
pub struct Progress {
    line: StatusLine,
    what: &'static str,
    total: u64,
    done: u64,
    began: Instant,
    drawn: Option<Instant>,
}

impl Progress {
    /// Begins with nothing done of a total; `what` names what is counted, in the plural.
    #[must_use]
    pub fn begin(what: &'static str, total: u64) -> Self {
        let mut progress = Self { line: StatusLine::begin(), what, total, done: 0, began: instant(), drawn: None };
        progress.set(0);
        progress
    }

    /// So much is done in all.
    pub fn set(&mut self, done: u64) {
        self.done = done;
        if !self.line.is_shown() {
            return;
        }
        let now = instant();
        if self.drawn.is_none_or(|drawn| now.duration_since(drawn) >= DRAW_EVERY) {
            self.drawn = Some(now);
            self.line.set(text(self.what, done, self.total, now.duration_since(self.began)));
        }
    }

    /// So much more is done.
    pub fn add(&mut self, more: u64) {
        self.set(self.done.saturating_add(more));
    }
}

/// The text of a progress; what matters most comes first, because a narrow terminal cuts the rest.
fn text(what: &str, done: u64, total: u64, passed: Duration) -> String {
    let (done, total) = (done.min(total), total.max(1));
    let mut text = format!(
        "{:3} %  {} of {} {what}",
        u128::from(done) * 100 / u128::from(total),
        with_separators(done),
        with_separators(total)
    );
    if done > 0 && done < total && passed >= ESTIMATE_AFTER {
        let left = passed.as_secs_f64() * (total - done) as f64 / done as f64;
        text.push_str(&format!("  about {} left", rounded(left)));
    }
    text
}

/// A number with a comma before every third digit from the right: `1,234,567`.
#[must_use]
pub fn with_separators(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time in seconds as people say it: `5 s`, `3 min`, `2 h`.
fn rounded(seconds: f64) -> String {
    match seconds {
        ..=99.5 => format!("{:.0} s", seconds.max(1.0)),
        ..=5_700.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.0} h", seconds / 3_600.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_progress_is_rounded_and_says_the_most_important_first() {
        let at = |done, total, seconds| text("bars", done, total, Duration::from_secs_f64(seconds));
        assert_eq!(at(0, 2_345_678, 0.0), "  0 %  0 of 2,345,678 bars");
        assert_eq!(at(1_234_567, 2_345_678, 13.37), " 52 %  1,234,567 of 2,345,678 bars  about 12 s left");
        assert_eq!(at(1, 1_000, 1.0), "  0 %  1 of 1,000 bars");
        assert_eq!(at(1_000, 1_000, 60.0), "100 %  1,000 of 1,000 bars");
        // A count that was estimated too low ends at its total.
        assert_eq!(at(12, 10, 60.0), "100 %  10 of 10 bars");
        assert_eq!(at(0, 0, 60.0), "  0 %  0 of 1 bars");
        assert_eq!(at(u64::MAX, u64::MAX, 60.0).split("  ").next(), Some("100 %"));
    }

    #[test]
    fn times_are_rounded_to_what_people_say() {
        for (seconds, said) in [(0.2, "1 s"), (59.4, "59 s"), (99.0, "99 s"), (150.0, "2 min"), (5_400.0, "90 min")] {
            assert_eq!(rounded(seconds), said, "{seconds}");
        }
        assert_eq!(rounded(7_200.0), "2 h");
    }
}
