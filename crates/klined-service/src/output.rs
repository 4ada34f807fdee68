//! Standard output and standard error: the one place where a program prints. A reader that has closed its end of a pipe ends no
//! program, and a line that is printed never mixes with the status line of [`progress`](crate::progress).

use std::fmt::Arguments;
use std::io::{self, ErrorKind, IsTerminal, Write};

use crate::progress::beside_status_line;

/// Prints a line on standard output, as `println!` does. A line that nobody can read is dropped.
#[macro_export]
macro_rules! say {
    ($($words:tt)*) => { $crate::output::say(::std::format_args!($($words)*)) };
}

/// Prints a line on standard error, as `eprintln!` does. A line that nobody can read is dropped.
#[macro_export]
macro_rules! say_error {
    ($($words:tt)*) => { $crate::output::say_error(::std::format_args!($($words)*)) };
}

/// Prints a line on standard output; [`say!`](crate::say!) is short for it.
pub fn say(line: Arguments<'_>) {
    // Whether it is a closed pipe or a full disk, there is nobody left to hear of it.
    beside_status_line(|| drop(writeln!(io::stdout().lock(), "{line}")));
}

/// Prints a line on standard error; [`say_error!`](crate::say_error!) is short for it.
pub fn say_error(line: Arguments<'_>) {
    ask(format_args!("{line}\n"));
}

/// Prints a text without a line break on standard error, as a question is.
pub fn ask(question: Arguments<'_>) {
    beside_status_line(|| {
        let mut stderr = io::stderr().lock();
        let _ = write!(stderr, "{question}").and_then(|()| stderr.flush());
    });
}

/// Prints what a command was asked for on standard output, all of it or until the reader has closed its end.
///
/// # Errors
/// The output cannot be written for another reason, such as a full disk.
pub fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut stdout = io::BufWriter::new(io::stdout().lock());
    unless_closed(write(&mut stdout).and_then(|()| stdout.flush()))
}

/// Standard output for a writer of a format. A closed pipe is an error there.
#[derive(Debug)]
pub struct Stdout(io::Stdout);

/// Standard output as a [`Stdout`].
#[must_use]
pub fn stdout() -> Stdout {
    Stdout(io::stdout())
}

/// Whether standard output is a terminal.
#[must_use]
pub fn is_terminal() -> bool {
    io::stdout().is_terminal()
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Standard error for the log.
pub(crate) struct LogOutput;

impl Write for LogOutput {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        beside_status_line(|| io::stderr().lock().write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

fn unless_closed(printed: io::Result<()>) -> io::Result<()> {
    match printed {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_no_failure_and_a_full_disk_is_one() {
        assert!(unless_closed(Err(ErrorKind::BrokenPipe.into())).is_ok());
        let full = unless_closed(Err(ErrorKind::StorageFull.into())).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::StorageFull);
    }
}
