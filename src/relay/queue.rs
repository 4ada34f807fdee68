//! What a vendor has sent for one client and the client has not read yet: a bounded queue.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ws::Message;
use tokio::sync::Notify;

use crate::feed::Missed;

/// The most that waits for one client, in bytes and in deliveries. A client that is further behind has lost some of them.
const BYTES_MAX: usize = 4 * 1024 * 1024;
const DELIVERIES_MAX: usize = 65_536;

/// Writes messages of a vendor in another coding, as one frame; none where that cannot be.
pub type Recode = fn(&[&str]) -> Option<Message>;

/// Something about the connection to the vendor. A dialect writes it in the vendor's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// There is no connection at present. It is opened again.
    Lost(String),
    /// The connection is open again. Messages of the time in between are missing.
    Back { missing: Duration },
    /// The vendor refuses something that a client has asked for.
    Complaint(String),
}

/// What a client receives from a vendor.
#[derive(Debug, Clone)]
pub enum Delivery {
    Frame(Message),
    Notice(Arc<Notice>),
}

/// The deliveries that wait for one client.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<Waiting>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    deliveries: VecDeque<Delivery>,
    bytes: usize,
    missed: u64,
}

fn bytes_of(delivery: &Delivery) -> usize {
    match delivery {
        Delivery::Frame(Message::Text(text)) => text.len(),
        Delivery::Frame(Message::Binary(bytes)) => bytes.len(),
        Delivery::Frame(_) | Delivery::Notice(_) => 0,
    }
}

impl Queue {
    fn state(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a delivery, which is lost where too many wait already.
    pub fn push(&self, delivery: Delivery) {
        let mut state = self.state();
        let bytes = state.bytes + bytes_of(&delivery);
        if state.missed > 0 || bytes > BYTES_MAX || state.deliveries.len() >= DELIVERIES_MAX {
            state.missed += 1;
        } else {
            state.bytes = bytes;
            state.deliveries.push_back(delivery);
        }
        drop(state);
        self.filled.notify_one();
    }

    pub fn take(&self) -> Result<Vec<Delivery>, Missed> {
        let mut state = self.state();
        if state.missed > 0 {
            return Err(Missed::Lagged(state.missed));
        }
        state.bytes = 0;
        Ok(state.deliveries.drain(..).collect())
    }

    pub async fn next(&self) -> Result<Vec<Delivery>, Missed> {
        loop {
            let deliveries = self.take()?;
            if !deliveries.is_empty() {
                return Ok(deliveries);
            }
            // A push between the look and the wait leaves a permit.
            self.filled.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> Delivery {
        Delivery::Frame(Message::Binary(vec![0; bytes].into()))
    }

    #[test]
    fn a_queue_is_bounded_and_says_how_much_was_lost() {
        let queue = Queue::default();
        queue.push(frame(BYTES_MAX));
        assert_eq!(queue.take().map(|taken| taken.len()), Ok(1));
        (0..DELIVERIES_MAX).for_each(|_| queue.push(frame(0)));
        assert_eq!(queue.take().map(|taken| taken.len()), Ok(DELIVERIES_MAX));
        queue.push(frame(BYTES_MAX));
        queue.push(frame(1));
        // What would fit again is lost as well: a client gets no stream with a hole in it.
        queue.push(frame(0));
        assert_eq!(queue.take().unwrap_err(), Missed::Lagged(2));
    }
}
