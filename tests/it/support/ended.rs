//! What a program under test has said by its end.

use std::process::ExitStatus;

use klined_testing::assert_has;

/// How a program ended.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// It ended with status 0.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        assert_eq!(self.status.code(), Some(0), "{}{}", self.stdout, self.stderr);
        self
    }

    /// It ended with status 1, and its last line is one error that has these words and is fit for a user's eyes.
    #[track_caller]
    pub fn failed(self, words: &[&str]) -> Self {
        let (said, last) = (&self.stderr, self.stderr.lines().last().unwrap_or_default());
        assert_eq!(self.status.code(), Some(1), "{}{said}", self.stdout);
        assert!(last.starts_with("error: "), "{said}");
        assert_eq!(said.lines().filter(|line| line.starts_with("error")).count(), 1, "{said}");
        assert_has(last, words);
        for word in ["panicked", "RUST_BACKTRACE", "s3cret", "Error {", "Some("] {
            assert!(!said.contains(word), "{word} in {said}");
        }
        self
    }

    /// It ended with status 2 before it did anything, and said these words.
    #[track_caller]
    pub fn was_misused(self, words: &[&str]) -> Self {
        assert_eq!(self.status.code(), Some(2), "{}{}", self.stdout, self.stderr);
        assert_has(&self.stderr, words);
        assert!(!self.stderr.contains("s3cret"), "{}", self.stderr);
        self
    }
}
