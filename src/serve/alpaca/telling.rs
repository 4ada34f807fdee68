//! What of a round one client is told: its channels, day bars as they grow, price limits as days begin.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Bytes;
use chrono::NaiveDate;

use super::latest::day_bar;
use super::messages::{self, Channel, Channels, Codec};
use super::shapes::{BarShape, Instant, Name};
use crate::feed::{Closed, Event, MarketEvent, Round, Subscription};
use crate::query::DayFigures;
use crate::serve::Server;
use klined_market::base::{Symbol, UnixNanos, UnixSeconds};

/// One client's subscriptions and what they have to remember.
pub struct Told {
    server: Arc<Server>,
    codec: Codec,
    /// What is heard of the symbols named.
    pub named: BTreeMap<Symbol, Channels>,
    /// What is heard of all.
    pub everything: Channels,
    /// The day so far of those whose day bars are heard.
    days: BTreeMap<Symbol, DayFigures>,
    /// The day whose price limits were told.
    limited: BTreeMap<Symbol, NaiveDate>,
    is_market_halted: bool,
}

impl Told {
    pub fn new(server: Arc<Server>, codec: Codec) -> Self {
        Self {
            server,
            codec,
            named: BTreeMap::new(),
            everything: Channels::default(),
            days: BTreeMap::new(),
            limited: BTreeMap::new(),
            is_market_halted: false,
        }
    }

    /// A symbol that is not heard by its name any more.
    pub fn forget(&mut self, symbol: &Symbol) {
        self.named.remove(symbol);
        self.days.remove(symbol);
        self.limited.remove(symbol);
    }

    fn channels(&self, symbol: &Symbol) -> Channels {
        self.named.get(symbol).map_or(self.everything, |channels| channels.with(self.everything))
    }

    /// The market's time, as far as it is known.
    async fn now(&self) -> Instant {
        let clock = self.server.reader.standing().await.ok().and_then(|standing| standing.clock);
        Instant(clock.map_or(UnixNanos::EPOCH, |clock| clock.now(self.server.clock.now_nanos())))
    }

    /// The present price limits of newly wanted symbols.
    pub async fn limits_of(&mut self, symbols: &[Symbol]) -> Vec<Bytes> {
        let asked = symbols.iter().filter(|symbol| self.channels(symbol).has(Channel::Lulds)).copied().collect();
        let now = self.now().await;
        let Ok(day) = self.server.reader.calendar().date_of(now.0.seconds()) else { return vec![] };
        self.limits(asked, day, false, now).await
    }

    /// Price limits of a day that have not been told.
    async fn limits(&mut self, symbols: BTreeSet<Symbol>, day: NaiveDate, is_opening: bool, at: Instant) -> Vec<Bytes> {
        let new: BTreeSet<Symbol> =
            symbols.into_iter().filter(|symbol| self.limited.get(symbol) != Some(&day)).collect();
        if new.is_empty() {
            return vec![];
        }
        let ticks = self.server.ticks.clone();
        let asked = new.clone();
        // Without an answer they are asked for again with the next event.
        let Ok(found) = self.server.reader.ask(move |_, _| ticks.limits(&asked, day)).await else { return vec![] };
        self.limited.extend(new.into_iter().map(|symbol| (symbol, day)));
        let luld =
            |(symbol, limits): (&Symbol, &_)| messages::luld(self.codec, symbol.as_str(), limits, is_opening, at);
        found.iter().map(luld).collect()
    }

    /// What of a round is for this client.
    pub async fn of_round(&mut self, heard: &Subscription, round: &Round) -> Vec<Bytes> {
        let mut told = Vec::new();
        for event in &round.market {
            if let MarketEvent::Status(status) = event
                && std::mem::replace(&mut self.is_market_halted, status.is_halted) != status.is_halted
            {
                let now = self.now().await;
                let of = self.named.iter().filter(|(_, channels)| channels.has(Channel::Statuses));
                told.extend(
                    of.map(|(symbol, _)| messages::status(self.codec, symbol.as_str(), status.is_halted, true, now)),
                );
            }
        }
        told.extend(self.new_limits(heard, round).await);
        let mut extra = Vec::new();
        for of_symbol in heard.own(round) {
            let channels = self.channels(&of_symbol.symbol);
            let written =
                of_symbol.encoded(self.codec.place(), |symbol, event| messages::event(self.codec, symbol, event));
            for (event, bytes) in of_symbol.events.iter().zip(written.iter()) {
                let channel = match event {
                    Event::Trade(_) => Channel::Trades,
                    Event::Quote(_) => Channel::Quotes,
                    Event::Bar(closed) => {
                        extra.push((of_symbol.symbol, *closed));
                        Channel::Bars
                    }
                    Event::Halt { is_halted } => {
                        if channels.has(Channel::Statuses) {
                            let now = self.now().await;
                            let name = of_symbol.symbol.as_str();
                            told.push(messages::status(self.codec, name, *is_halted, false, now));
                        }
                        continue;
                    }
                };
                told.extend(channels.has(channel).then(|| bytes.clone()));
            }
        }
        for (symbol, closed) in extra {
            self.of_bar(&symbol, &closed, &mut told).await;
        }
        told
    }

    /// What follows a minute's bar: its correction, and the day's bar.
    async fn of_bar(&mut self, symbol: &Symbol, closed: &Closed, told: &mut Vec<Bytes>) {
        let channels = self.channels(symbol);
        let name = |kind| Name { kind: Some(kind), symbol: Some(symbol.as_str()) };
        if closed.is_corrected && channels.has(Channel::UpdatedBars) {
            told.push(self.codec.write(&BarShape::closed(name("u"), closed)));
        }
        if !channels.has(Channel::DailyBars) {
            return;
        }
        let calendar = &self.server.reader.calendar();
        let grown = match self.days.get(symbol) {
            // The day so far goes on with the next minute only; after a gap it is read anew.
            Some(day) if follows(calendar, day.last, closed) => day.with(calendar, closed.bar.first, &closed.bar.ohlcv),
            _ => match self.server.reader.day(*symbol).await {
                Ok(day) => day,
                Err(_) => return,
            },
        };
        self.days.insert(*symbol, grown);
        told.push(self.codec.write(&day_bar(&grown, calendar).named(name("d"))));
    }

    /// The price limits of days that begin in this round.
    async fn new_limits(&mut self, heard: &Subscription, round: &Round) -> Vec<Bytes> {
        let mut days: BTreeMap<(NaiveDate, UnixSeconds), BTreeSet<Symbol>> = BTreeMap::new();
        let calendar = &self.server.reader.calendar();
        for of_symbol in heard.own(round).filter(|told| self.channels(&told.symbol).has(Channel::Lulds)) {
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
        let mut told = Vec::new();
        for ((day, open), symbols) in days {
            told.extend(self.limits(symbols, day, true, Instant::of_seconds(open)).await);
        }
        told
    }
}

/// Whether a bar is of the trading minute after another.
fn follows(calendar: &klined_market::calendar::Calendar, last: UnixSeconds, closed: &Closed) -> bool {
    calendar.previous_minute(closed.bar.first).is_some_and(|before| before.start() == last)
}
