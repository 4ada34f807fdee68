//! The request to stop, as the jobs see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that every clone shares. A job looks at it between two transactions and then ends as if its work were done.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl From<Arc<AtomicBool>> for Stop {
    /// A request to stop that is made by setting the flag.
    fn from(flag: Arc<AtomicBool>) -> Self {
        Self(flag)
    }
}

impl Stop {
    /// Asks every holder to stop.
    pub fn ask(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the job was asked to stop.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
