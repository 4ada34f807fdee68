//! How long things took.

/// Durations in any unit, to be put in order once.
#[derive(Debug, Default)]
pub struct Times(Vec<u32>);

impl Times {
    pub fn add(&mut self, time: u32) {
        self.0.push(time);
    }

    pub fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The times that these shares of all do not exceed, in per cent; zeros when there are none.
    pub fn percentiles<const N: usize>(&mut self, shares: [usize; N]) -> [u32; N] {
        self.0.sort_unstable();
        shares.map(|share| {
            self.0.get((self.0.len() * share / 100).min(self.0.len().saturating_sub(1))).copied().unwrap_or(0)
        })
    }
}
