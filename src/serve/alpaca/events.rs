//! The events that one client subscribes to: those of the feed, day bars as they grow, price limits as days begin.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Bytes;
use chrono::NaiveDate;

use super::latest::day_bar;
use super::messages::{self, AlpacaChannel, Codec};
use super::shapes::{BarShape, Instant, MessageName};
use crate::feed::{Closed, Event, EventKind, FeedUpdate, MarketEvent, Subscription};
use crate::query::DayFigures;
use crate::serve::kit::channels::Channels;
use crate::serve::server::Server;
use klined_market::bars::ticks::BestQuote;
use klined_market::base::{Symbol, UnixNanos, UnixSeconds};
use klined_market::calendar::Calendar;

/// One client's channels and what they have to remember.
pub struct AlpacaEvents {
    server: Arc<Server>,
    codec: Codec,
    pub channels: Channels,
    /// The day so far of each symbol whose day bars are subscribed to.
    days: BTreeMap<Symbol, DayFigures>,
    /// The day whose price limits the client has of each symbol.
    limited: BTreeMap<Symbol, NaiveDate>,
    is_market_halted: bool,
}

impl AlpacaEvents {
    pub fn new(server: Arc<Server>, codec: Codec) -> Self {
        Self {
            server,
            codec,
            channels: Channels::default(),
            days: BTreeMap::new(),
            limited: BTreeMap::new(),
            is_market_halted: false,
        }
    }

    /// Forgets a symbol that is not subscribed to by its name any more.
    pub fn forget(&mut self, symbol: &Symbol) {
        self.days.remove(symbol);
        self.limited.remove(symbol);
    }

    /// The market's time, as far as it is known.
    async fn now(&self) -> Instant {
        Instant(self.server.market_time().await.ok().flatten().unwrap_or(UnixNanos::EPOCH))
    }

    /// The present price limits of symbols that were just subscribed to.
    pub async fn limits_of(&mut self, symbols: &[Symbol]) -> Vec<Bytes> {
        let has_limits = |symbol: &&Symbol| self.channels.of(symbol).has(AlpacaChannel::Lulds);
        let asked = symbols.iter().filter(has_limits).copied().collect();
        let now = self.now().await;
        let Ok(day) = self.server.reader.calendar().date_of(now.0.seconds()) else { return vec![] };
        self.limits(asked, day, false, now).await
    }

    /// Price limits of a day that the client does not have.
    async fn limits(&mut self, symbols: BTreeSet<Symbol>, day: NaiveDate, is_opening: bool, at: Instant) -> Vec<Bytes> {
        let new: BTreeSet<Symbol> =
            symbols.into_iter().filter(|symbol| self.limited.get(symbol) != Some(&day)).collect();
        if new.is_empty() {
            return vec![];
        }
        // Without an answer they are asked for again with the next event.
        let Ok(found) = self.server.price_limits(new.clone(), day).await else { return vec![] };
        self.limited.extend(new.into_iter().map(|symbol| (symbol, day)));
        let luld =
            |(symbol, limits): (&Symbol, &_)| messages::luld(self.codec, symbol.as_str(), limits, is_opening, at);
        found.iter().map(luld).collect()
    }

    /// The messages of an update for this client.
    pub async fn of_update(&mut self, subscription: &Subscription, update: &FeedUpdate) -> Vec<Bytes> {
        let mut messages = Vec::new();
        for event in &update.market {
            if let MarketEvent::Status(status) = event
                && std::mem::replace(&mut self.is_market_halted, status.is_halted) != status.is_halted
            {
                let now = self.now().await;
                let named = self.channels.named.iter().filter(|(_, set)| set.has(AlpacaChannel::Statuses));
                messages.extend(
                    named.map(|(symbol, _)| messages::status(self.codec, symbol.as_str(), status.is_halted, true, now)),
                );
            }
        }
        messages.extend(self.new_limits(subscription, update).await);
        let mut bars = Vec::new();
        for of_symbol in subscription.own(update) {
            let channels = self.channels.of(&of_symbol.symbol);
            let is_needed = |kind| match kind {
                EventKind::Trade => channels.has(AlpacaChannel::Trades),
                EventKind::Quote => channels.has(AlpacaChannel::Quotes),
                EventKind::Bar => channels.has(AlpacaChannel::Bars),
                EventKind::Halt => false,
            };
            let codec = self.codec;
            let encode =
                move |symbol: &Symbol, event: &Event, _: Option<&BestQuote>| messages::event(codec, symbol, event);
            for (event, message) in of_symbol.encoded(codec.encoder(), is_needed, encode) {
                messages.extend(message.filter(|message| !message.is_empty()).cloned());
                match event {
                    Event::Bar(closed) => bars.push((of_symbol.symbol, *closed)),
                    Event::Halt { is_halted } if channels.has(AlpacaChannel::Statuses) => {
                        let (name, now) = (of_symbol.symbol.as_str(), self.now().await);
                        messages.push(messages::status(codec, name, *is_halted, false, now));
                    }
                    Event::Trade(_) | Event::Quote(_) | Event::Halt { .. } => {}
                }
            }
        }
        for (symbol, closed) in bars {
            self.of_bar(&symbol, &closed, &mut messages).await;
        }
        messages
    }

    /// The messages that follow a minute's bar: its correction, and the day's bar.
    async fn of_bar(&mut self, symbol: &Symbol, closed: &Closed, messages: &mut Vec<Bytes>) {
        let channels = self.channels.of(symbol);
        let name = |kind| MessageName { kind: Some(kind), symbol: Some(symbol.as_str()) };
        if closed.is_corrected && closed.is_traded() && channels.has(AlpacaChannel::UpdatedBars) {
            messages.push(self.codec.write(&BarShape::closed(name("u"), closed)));
        }
        if !channels.has(AlpacaChannel::DailyBars) {
            return;
        }
        let calendar = &self.server.reader.calendar();
        let grown = match self.days.get(symbol) {
            // The day so far goes on with the next minute only; after a gap it is read again.
            Some(day) if follows(calendar, day.last, closed) => day.with(calendar, closed.bar.first, &closed.bar.ohlcv),
            _ => match self.server.reader.day(*symbol).await {
                Ok(day) => day,
                Err(_) => return,
            },
        };
        self.days.insert(*symbol, grown);
        messages.push(self.codec.write(&day_bar(&grown, calendar).named(name("d"))));
    }

    /// The price limits of days that begin in this update.
    async fn new_limits(&mut self, subscription: &Subscription, update: &FeedUpdate) -> Vec<Bytes> {
        let mut days: BTreeMap<(NaiveDate, UnixSeconds), BTreeSet<Symbol>> = BTreeMap::new();
        let calendar = &self.server.reader.calendar();
        for of_symbol in
            subscription.own(update).filter(|of_symbol| self.channels.of(&of_symbol.symbol).has(AlpacaChannel::Lulds))
        {
            let starts = of_symbol.events.iter().find_map(|event| match event {
                Event::Trade(trade) => Some(trade.at.seconds()),
                Event::Quote(quote) => Some(quote.at.seconds()),
                Event::Bar(closed) => Some(closed.bar.first.start()),
                Event::Halt { .. } => None,
            });
            if let Some(day) = starts.and_then(|at| calendar.date_of(at).ok()) {
                let open = calendar.open_of(day).map_or(UnixSeconds::EPOCH, |minute| minute.start());
                days.entry((day, open)).or_default().insert(of_symbol.symbol);
            }
        }
        let mut messages = Vec::new();
        for ((day, open), symbols) in days {
            messages.extend(self.limits(symbols, day, true, Instant::of_seconds(open)).await);
        }
        messages
    }
}

/// Whether a bar is of the trading minute after another.
fn follows(calendar: &Calendar, last: UnixSeconds, closed: &Closed) -> bool {
    calendar.previous_minute(closed.bar.first).is_some_and(|before| before.start() == last)
}
