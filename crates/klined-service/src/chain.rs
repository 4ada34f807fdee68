//! An error and its causes in one line.

/// An error with its causes, each printed once. Many errors already show their cause in their own text, and then the cause is not
/// repeated.
#[must_use]
pub fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    let mut last = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if line.is_empty() {
            line.clone_from(&cause);
        } else if !last.contains(&cause) {
            line.push_str(": ");
            line.push_str(&cause);
        } else {
            // The causes of a cause may be in the same text too.
            continue;
        }
        last = cause;
    }
    line
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};

    use anyhow::Context;
    use thiserror::Error;

    use super::*;

    #[derive(Debug, Error)]
    #[error("could not read bars: {source}")]
    struct ShowsItsCause {
        source: Error,
    }

    #[derive(Debug, Error)]
    #[error("the first line: {0}")]
    struct ShowsAll(#[source] ShowsItsCause);

    fn cause() -> Error {
        Error::new(ErrorKind::NotFound, "no such file")
    }

    #[test]
    fn each_cause_is_printed_once() {
        let shown = anyhow::Error::new(ShowsItsCause { source: cause() }).context("cannot begin");
        assert_eq!(one_line(&shown), "cannot begin: could not read bars: no such file");
        let nested = anyhow::Error::new(ShowsAll(ShowsItsCause { source: cause() }));
        assert_eq!(one_line(&nested), "the first line: could not read bars: no such file");
        let plain = Err::<(), _>(cause()).context("cannot read a.toml").unwrap_err();
        assert_eq!(one_line(&plain), "cannot read a.toml: no such file");
    }
}
