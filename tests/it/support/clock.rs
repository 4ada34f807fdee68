//! A clock that a test sets.

use std::fs;
use std::path::{Path, PathBuf};

use super::programs::Program;

/// A clock that stands still until it is set, by libfaketime.
pub struct Clock(PathBuf);

impl Clock {
    const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

    pub fn at(directory: &Path, time: &str) -> Self {
        assert!(Path::new(Self::LIBRARY).exists(), "there is no {}: run ./test.sh, which installs it", Self::LIBRARY);
        let clock = Self(directory.join("clock"));
        clock.set(time);
        clock
    }

    /// Sets it to a time in UTC+8.
    pub fn set(&self, time: &str) {
        let next = self.0.with_extension("next");
        fs::write(&next, format!("{time}\n")).unwrap();
        fs::rename(next, &self.0).unwrap();
    }

    /// Only the date and time are the clock's: waiting still takes real time.
    pub fn shown_to(&self, program: Program) -> Program {
        program
            .variable("LD_PRELOAD", Self::LIBRARY)
            .variable("FAKETIME_TIMESTAMP_FILE", self.0.to_str().unwrap())
            .variable("FAKETIME_NO_CACHE", "1")
            .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .variable("TZ", "CST-8")
    }
}
