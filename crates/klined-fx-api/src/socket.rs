//! `/forex`: quotes and bars of seconds and minutes as they happen, in arrays.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::Message;
use axum::response::Response;
use axum::routing::get;
use klined::serve::kit::channels::ChannelSet;
use klined::serve::kit::client::{Client, Incoming, SocketLimits};
use klined::serve::kit::protocol::{self, Admission, Login, Protocol, Reply, SocketProblem, Upgrade, requested};
use klined::serve::polygon::answers::PolygonError;
use klined::serve::polygon::conversation::{self, NoTopic, PolygonRequest, done, frames, status, topics};
use klined_fx::base::Pair;

use crate::feed::{FxChannel, FxUpdate, pair_name};
use crate::server::FxServer;

/// The WebSocket's route. It looks for a key itself.
pub fn routes() -> Router<Arc<FxServer>> {
    Router::new().route("/forex", get(open))
}

/// Opens a WebSocket. The key comes in a message.
async fn open(State(server): State<Arc<FxServer>>, upgrade: Upgrade) -> Result<Response, PolygonError> {
    Ok(protocol::open(requested(upgrade)?, server, Admission::ByMessage, ForexStream::default()))
}

/// One client's subscriptions.
#[derive(Debug, Default)]
struct ForexStream {
    named: BTreeMap<Pair, ChannelSet>,
    all: ChannelSet,
}

/// A channel of a pair, or of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FxTopic {
    channel: FxChannel,
    /// None is `*`.
    pair: Option<Pair>,
}

impl FxTopic {
    /// `CA.EUR/USD`; the pair may be written `EUR-USD`, `EURUSD` or `C:EURUSD` too.
    fn parse(text: &str) -> Result<Self, NoTopic> {
        let (channel, pair) = text.split_once('.').ok_or(NoTopic::Malformed)?;
        if ["FMV", "AM", "LV"].contains(&channel) {
            return Err(NoTopic::Missing);
        }
        let channel = FxChannel::ALL.into_iter().find(|known| known.as_str() == channel).ok_or(NoTopic::Malformed)?;
        let pair = match pair {
            "*" => None,
            text => {
                let name = text.strip_prefix("C:").unwrap_or(text);
                let codes = name.split_once(['/', '-']).or_else(|| name.split_at_checked(3));
                let is_named = |pair: &Pair| {
                    let facts = pair.facts();
                    codes == Some((facts.base.code(), facts.quote.code()))
                };
                Some(Pair::all().into_iter().find(is_named).ok_or(NoTopic::Malformed)?)
            }
        };
        Ok(Self { channel, pair })
    }

    fn text(&self) -> String {
        format!("{}.{}", self.channel.as_str(), self.pair.map_or_else(|| "*".to_owned(), pair_name))
    }
}

impl Protocol<FxServer> for ForexStream {
    /// A message has room for every channel of every pair, many times.
    const LIMITS: SocketLimits = SocketLimits::new(64 * 1024, Duration::from_secs(10));

    fn greeting(&self, _is_known: bool) -> Vec<Message> {
        conversation::greeting()
    }

    fn login(&self, message: &Incoming) -> Login {
        conversation::login(message)
    }

    fn problem(&self, problem: SocketProblem) -> Reply {
        conversation::problem(problem)
    }

    async fn begin(&mut self, _client: &mut Client<FxServer>) -> Vec<Message> {
        conversation::welcome()
    }

    async fn answer(&mut self, client: &mut Client<FxServer>, message: &Incoming) -> Reply {
        match conversation::request(message, "C.EUR/USD,CA.*") {
            Ok(PolygonRequest::Subscribe { params }) => self.subscribe(client.allowed.subscriptions as usize, &params),
            Ok(PolygonRequest::Unsubscribe { params }) => self.unsubscribe(&params),
            Ok(PolygonRequest::Auth { .. }) => status("auth_success", "already authenticated"),
            Err(answer) => answer,
        }
        .into()
    }

    async fn events(&mut self, _client: &mut Client<FxServer>, update: &FxUpdate) -> Vec<Message> {
        let of = |pair| self.named.get(&pair).map_or(self.all, |named| named.with(self.all));
        let wanted = update.0.iter().filter(|event| of(event.pair).has(event.channel));
        frames(&wanted.map(|event| event.text.clone()).collect::<Vec<_>>())
    }
}

impl ForexStream {
    fn subscribe(&mut self, most: usize, params: &str) -> Vec<Message> {
        let (topics, wrong) = topics(params, FxTopic::parse);
        let mut sent = frames(&wrong);
        let mut named = self.named.clone();
        for (topic, pair) in topics.iter().filter_map(|topic| topic.pair.map(|pair| (topic, pair))) {
            let set: &mut ChannelSet = named.entry(pair).or_default();
            *set = set.with(topic.channel.into());
        }
        if named.len() > most {
            let message = format!("at most {most} tickers may be named, or * for all; nothing was subscribed to");
            sent.extend(status("error", &message));
            return sent;
        }
        self.named = named;
        let of_all = topics.iter().filter(|topic| topic.pair.is_none()).map(|topic| topic.channel);
        self.all = self.all.with(of_all.collect());
        sent.extend(done("subscribed", topics.iter().map(FxTopic::text)));
        sent
    }

    fn unsubscribe(&mut self, params: &str) -> Vec<Message> {
        let (topics, wrong) = topics(params, FxTopic::parse);
        for topic in &topics {
            let gone = ChannelSet::from(topic.channel);
            match topic.pair {
                None => self.all = self.all.without(gone),
                Some(pair) => {
                    self.named.entry(pair).and_modify(|set| *set = set.without(gone));
                    self.named.retain(|_, set| !set.is_empty());
                }
            }
        }
        let mut sent = frames(&wrong);
        sent.extend(done("unsubscribed", topics.iter().map(FxTopic::text)));
        sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_a_channel_of_a_pair_or_of_all() {
        for text in ["CA.EUR/USD", "CA.EUR-USD", "CA.EURUSD", "CA.C:EURUSD", "CA.C:EUR-USD"] {
            assert_eq!(FxTopic::parse(text).map(|topic| topic.text()), Ok("CA.EUR/USD".to_owned()), "{text}");
        }
        assert_eq!(FxTopic::parse("C.*"), Ok(FxTopic { channel: FxChannel::Quote, pair: None }));
        assert_eq!(FxTopic::parse("FMV.*"), Err(NoTopic::Missing));
        for text in
            ["", "*", "C", "C.", "X.EUR/USD", "c.EUR/USD", "C.USD/EUR", "C.EU/RUSD", "C.eurusd", "C.EUR/USD/", "C.**"]
        {
            assert_eq!(FxTopic::parse(text), Err(NoTopic::Malformed), "{text}");
        }
    }
}
