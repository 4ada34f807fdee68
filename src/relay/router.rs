//! Which client receives which message of a vendor: counted subscriptions, and the cut of frames.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use axum::extract::ws::{Message, Utf8Bytes};

use super::frames::Frame;
use super::queue::{Delivery, Notice, Queue, Recode};
use super::vendor::{Subject, Topic};
use klined_market::base::Symbol;

/// One client.
struct Subscriber {
    queue: Arc<Queue>,
    recode: Option<Recode>,
    /// How many topics it has.
    topics: usize,
    /// The messages of the present frame that it receives, in order.
    picked: Vec<usize>,
}

/// Subscribers by topic.
#[derive(Default)]
pub(super) struct Router {
    /// A place is used again when its client has gone.
    subscribers: Vec<Option<Subscriber>>,
    /// No list is empty.
    topics: HashMap<Topic, Vec<usize>>,
    /// The subscribers that pick something of the present frame.
    touched: Vec<usize>,
}

/// What became of a frame.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Routed {
    /// Messages with data.
    pub messages: u64,
    /// Of these, those about symbols of the synthetic market, which go to nobody.
    pub shadowed: u64,
    /// Frames that went to clients, in whole or in part.
    pub deliveries: u64,
}

impl Router {
    /// A place for a client. `recode` writes messages in its coding; none for the vendor's own.
    pub fn enter(&mut self, queue: Arc<Queue>, recode: Option<Recode>) -> usize {
        let subscriber = Some(Subscriber { queue, recode, topics: 0, picked: Vec::new() });
        match self.subscribers.iter().position(Option::is_none) {
            Some(free) => {
                self.subscribers[free] = subscriber;
                free
            }
            None => {
                self.subscribers.push(subscriber);
                self.subscribers.len() - 1
            }
        }
    }

    /// Frees the place of a client, which has no topics any more.
    pub fn leave(&mut self, place: usize) {
        if let Some(subscriber) = self.subscribers.get_mut(place) {
            *subscriber = None;
        }
    }

    /// A client must not have the topic already.
    pub fn subscribe(&mut self, place: usize, topic: &Topic) {
        if let Some(Some(subscriber)) = self.subscribers.get_mut(place) {
            subscriber.topics += 1;
            self.topics.entry(*topic).or_default().push(place);
        }
    }

    /// A client must have the topic.
    pub fn unsubscribe(&mut self, place: usize, topic: &Topic) {
        if let Some(Some(subscriber)) = self.subscribers.get_mut(place) {
            subscriber.topics = subscriber.topics.saturating_sub(1);
        }
        let Some(places) = self.topics.get_mut(topic) else { return };
        places.retain(|other| *other != place);
        if places.is_empty() {
            self.topics.remove(topic);
        }
    }

    /// The topics that the vendor has to send: those of any client, but none by name of a channel that some client has whole.
    pub fn wanted(&self) -> BTreeSet<Topic> {
        let is_whole = |topic: &Topic| self.topics.contains_key(&Topic { symbol: None, ..*topic });
        self.topics.keys().filter(|topic| topic.symbol.is_none() || !is_whole(topic)).copied().collect()
    }

    pub fn is_idle(&self) -> bool {
        self.topics.is_empty()
    }

    /// How many clients have a topic.
    pub fn clients(&self) -> usize {
        self.subscribers.iter().flatten().filter(|subscriber| subscriber.topics > 0).count()
    }

    /// Hands the messages of a frame to the clients that want them, each message to a client at most once. A client that wants all of
    /// them gets the frame as it was received.
    pub fn route(&mut self, frame: &Frame, synthetic: &BTreeSet<Symbol>) -> Routed {
        let mut routed = Routed::default();
        let Self { subscribers, topics, touched } = self;
        for (at, (_, subject)) in frame.messages.iter().enumerate() {
            let Subject::Data { channel, symbol } = subject else { continue };
            routed.messages += 1;
            if synthetic.contains(symbol) {
                routed.shadowed += 1;
                continue;
            }
            for symbol in [None, Some(*symbol)] {
                for &place in topics.get(&Topic { channel: *channel, symbol }).into_iter().flatten() {
                    let Some(Some(subscriber)) = subscribers.get_mut(place) else { continue };
                    if subscriber.picked.is_empty() {
                        touched.push(place);
                    }
                    if subscriber.picked.last() != Some(&at) {
                        subscriber.picked.push(at);
                    }
                }
            }
        }
        // Clients with the same messages share one frame of each coding.
        let mut made: HashMap<(Vec<usize>, Option<Recode>), Message> = HashMap::new();
        for place in touched.drain(..) {
            let Some(Some(subscriber)) = subscribers.get_mut(place) else { continue };
            let key = (std::mem::take(&mut subscriber.picked), subscriber.recode);
            let message = match made.get(&key) {
                Some(message) => message.clone(),
                None => {
                    let Some(message) = written(frame, &key.0, key.1) else { continue };
                    made.entry(key).or_insert(message).clone()
                }
            };
            routed.deliveries += 1;
            subscriber.queue.push(Delivery::Frame(message));
        }
        routed
    }

    /// Hands a notice to every client with a topic.
    pub fn announce(&self, notice: Notice) {
        let notice = Arc::new(notice);
        for subscriber in self.subscribers.iter().flatten().filter(|subscriber| subscriber.topics > 0) {
            subscriber.queue.push(Delivery::Notice(notice.clone()));
        }
    }
}

/// Some messages of a frame in a coding.
fn written(frame: &Frame, picked: &[usize], recode: Option<Recode>) -> Option<Message> {
    if let Some(recode) = recode {
        let messages: Vec<&str> = picked.iter().map(|&at| frame.message(at)).collect();
        return recode(&messages);
    }
    let text = if picked.len() == frame.messages.len() { frame.text.clone() } else { frame.part(picked) };
    Utf8Bytes::try_from(axum::body::Bytes::from(text)).ok().map(Message::Text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::vendor::Vendor;

    const MIXED: &str = r#"[{"ev":"T","sym":"A","p":1.10},{"ev":"Q","sym":"A"},{"ev":"T","sym":"B","p":2}]"#;

    fn topic(channel: u8, symbol: &str) -> Topic {
        Topic { channel, symbol: (symbol != "*").then(|| symbol.parse().unwrap()) }
    }

    struct Client {
        place: usize,
        queue: Arc<Queue>,
    }

    impl Client {
        fn of(router: &mut Router, topics: &[Topic]) -> Self {
            let queue = Arc::new(Queue::default());
            let place = router.enter(queue.clone(), None);
            topics.iter().for_each(|topic| router.subscribe(place, topic));
            Self { place, queue }
        }

        fn texts(&self) -> Vec<String> {
            let text = |delivery| match delivery {
                Delivery::Frame(Message::Text(text)) => text.to_string(),
                other => panic!("{other:?}"),
            };
            self.queue.take().unwrap().into_iter().map(text).collect()
        }
    }

    fn routed(router: &mut Router, text: &str, synthetic: &[&str]) -> Routed {
        let frame = Frame::read(Vendor::Polygon, text.into()).unwrap();
        router.route(&frame, &synthetic.iter().map(|symbol| symbol.parse().unwrap()).collect())
    }

    #[test]
    fn a_client_gets_what_it_wants_once_and_whole_frames_as_they_came() {
        let mut router = Router::default();
        let whole = Client::of(&mut router, &[topic(0, "*"), topic(1, "*"), topic(0, "A")]);
        let trades = Client::of(&mut router, &[topic(0, "*"), topic(0, "B")]);
        let one = Client::of(&mut router, &[topic(0, "B")]);
        let none = Client::of(&mut router, &[topic(2, "*")]);
        // The frame has spaces that a frame of our own making would not have.
        let text = MIXED.replace(",{", " , {");
        let counts = routed(&mut router, &text, &[]);
        assert_eq!(counts, Routed { messages: 3, shadowed: 0, deliveries: 3 });
        assert_eq!(whole.texts(), [text]);
        assert_eq!(trades.texts(), [r#"[{"ev":"T","sym":"A","p":1.10},{"ev":"T","sym":"B","p":2}]"#]);
        assert_eq!(one.texts(), [r#"[{"ev":"T","sym":"B","p":2}]"#]);
        assert!(none.texts().is_empty());
    }

    #[test]
    fn a_vendors_message_about_a_synthetic_symbol_goes_to_nobody() {
        let mut router = Router::default();
        let client = Client::of(&mut router, &[topic(0, "*"), topic(1, "*")]);
        assert_eq!(routed(&mut router, MIXED, &["A"]), Routed { messages: 3, shadowed: 2, deliveries: 1 });
        assert_eq!(client.texts(), [r#"[{"ev":"T","sym":"B","p":2}]"#]);
    }

    #[test]
    fn the_vendor_is_asked_for_what_some_client_wants_and_for_a_whole_channel_once() {
        let mut router = Router::default();
        let first = Client::of(&mut router, &[topic(0, "A"), topic(1, "A")]);
        let second = Client::of(&mut router, &[topic(0, "A")]);
        assert_eq!(router.wanted(), BTreeSet::from([topic(0, "A"), topic(1, "A")]));
        let all = Client::of(&mut router, &[topic(0, "*")]);
        assert_eq!(router.wanted(), BTreeSet::from([topic(0, "*"), topic(1, "A")]));
        router.unsubscribe(all.place, &topic(0, "*"));
        router.unsubscribe(first.place, &topic(0, "A"));
        assert_eq!(router.wanted(), BTreeSet::from([topic(0, "A"), topic(1, "A")]));
        router.unsubscribe(second.place, &topic(0, "A"));
        router.unsubscribe(first.place, &topic(1, "A"));
        assert!(router.wanted().is_empty() && router.is_idle());
        assert_eq!(router.clients(), 0);
    }

    #[test]
    fn a_place_is_used_again_and_inherits_nothing() {
        let mut router = Router::default();
        let gone = Client::of(&mut router, &[topic(0, "A")]);
        router.unsubscribe(gone.place, &topic(0, "A"));
        router.leave(gone.place);
        let next = Client::of(&mut router, &[topic(0, "B")]);
        assert_eq!(next.place, gone.place);
        routed(&mut router, MIXED, &[]);
        assert_eq!(next.texts(), [r#"[{"ev":"T","sym":"B","p":2}]"#]);
        assert!(gone.texts().is_empty());
    }
}
