//! A client's topics at a vendor, and what it receives for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::link::Link;
use super::queue::{Delivery, Queue, Recode};
use super::vendor::Topic;
use crate::feed::Missed;

/// One client's subscriptions at a link, and what it receives for them.
pub struct Inbox {
    link: Arc<Link>,
    place: usize,
    queue: Arc<Queue>,
    topics: BTreeSet<Topic>,
}

impl Inbox {
    /// An inbox without subscriptions. `recode` writes the vendor's messages in the client's coding; none for the vendor's own.
    #[must_use]
    pub fn new(link: &Arc<Link>, recode: Option<Recode>) -> Self {
        let queue = Arc::new(Queue::default());
        let place = link.enter(queue.clone(), recode);
        Self { link: link.clone(), place, queue, topics: BTreeSet::new() }
    }

    /// Subscribes to topics; those that the client has already stay as they are.
    pub fn subscribe(&mut self, topics: impl IntoIterator<Item = Topic>) {
        let new: Vec<Topic> = topics.into_iter().filter(|topic| self.topics.insert(*topic)).collect();
        self.link.change(|router| new.iter().for_each(|topic| router.subscribe(self.place, topic)));
    }

    /// Ends subscriptions to topics, as far as the client has them.
    pub fn unsubscribe(&mut self, topics: impl IntoIterator<Item = Topic>) {
        let gone: Vec<Topic> = topics.into_iter().filter(|topic| self.topics.remove(topic)).collect();
        self.link.change(|router| gone.iter().for_each(|topic| router.unsubscribe(self.place, topic)));
    }

    /// Waits for what comes next. The future can be dropped without losing anything.
    ///
    /// # Errors
    /// The client was too slow, and so many deliveries are lost.
    pub async fn next(&mut self) -> Result<Vec<Delivery>, Missed> {
        self.queue.next().await
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        let topics = std::mem::take(&mut self.topics);
        self.link.change(|router| {
            topics.iter().for_each(|topic| router.unsubscribe(self.place, topic));
            router.leave(self.place);
        });
    }
}
