//! File descriptors: as many as the system lets this process have, and a few that are kept back for when they have run out.

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Something that is always there to be opened.
const PLACEHOLDER: &str = "/dev/null";

/// Raises the soft limit of open files to the hard one. The soft limit is often 1024, for the sake of programs that cannot do with
/// more.
pub(crate) fn raise_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        // Where the system refuses, the soft limit remains.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

/// Whether a call failed because this process, or the whole system, has no descriptor left.
pub(crate) fn have_run_out(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    [rustix::io::Errno::MFILE, rustix::io::Errno::NFILE].iter().any(|errno| code == Some(errno.raw_os_error()))
}

/// Descriptors that are kept back.
#[derive(Debug, Clone)]
pub(crate) struct Reserve {
    size: usize,
    kept: Arc<Mutex<Vec<File>>>,
}

impl Reserve {
    /// Keeps so many back, as far as the system gives them.
    pub fn of(size: usize) -> Self {
        let reserve = Self { size, kept: Arc::default() };
        reserve.fill();
        reserve
    }

    /// Keeps back what has been given out and has come free again.
    pub fn fill(&self) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        while kept.len() < self.size {
            let Ok(file) = File::open(PLACEHOLDER) else { return };
            kept.push(file);
        }
    }

    /// Gives a descriptor out; false when none is left.
    pub fn give(&self) -> bool {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_gives_as_many_as_it_has_and_is_filled_again() {
        let reserve = Reserve::of(2);
        assert_eq!([reserve.give(), reserve.give(), reserve.give()], [true, true, false]);
        reserve.fill();
        assert!(reserve.give());
    }
}
