//! The streams of one symbol that a client is subscribed to, and what they write of its events.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Bytes;
use serde_json::Value;

use super::messages::{self, TickerState};
use super::running::{KlineState, Klines};
use super::streams::{StreamKind, of_all};
use crate::feed::{Event, Last};
use klined_market::base::{Interval, Nanos, Price, Symbol, Timeframe};
use klined_market::calendar::Calendar;

/// How events are written for one client.
#[derive(Clone, Copy)]
pub struct EventStyle {
    pub is_combined: bool,
    /// The unit of times.
    pub unit: Nanos,
}

/// The streams of one symbol.
#[derive(Default)]
pub struct WatchedSymbol {
    /// The names by which each is subscribed to.
    names: BTreeMap<StreamKind, BTreeSet<String>>,
    pub running: Klines,
    pub ticker: TickerState,
    /// A day that ended since the streams of all stocks were written last.
    ended: Option<KlineState>,
}

impl WatchedSymbol {
    /// Adds a stream by one of its names.
    pub fn add(&mut self, kind: StreamKind, name: &str) {
        self.names.entry(kind).or_default().insert(name.to_owned());
    }

    /// Removes a stream by one of its names.
    pub fn remove(&mut self, kind: StreamKind, name: &str) {
        let names = self.names.get_mut(&kind);
        if names.is_some_and(|names| names.remove(name) && names.is_empty()) {
            self.names.remove(&kind);
        }
    }

    /// Whether it has no stream.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    fn has_tickers(&self) -> bool {
        [StreamKind::MiniTicker, StreamKind::Ticker].iter().any(|kind| self.names.contains_key(kind))
    }

    /// The intervals that have to be summed up: those of its klines, and the day of its tickers.
    pub fn intervals(&self) -> Vec<Timeframe> {
        let klines = self.names.keys().filter_map(|kind| match kind {
            StreamKind::Kline(interval) => Some(*interval),
            _ => None,
        });
        let intervals: BTreeSet<Timeframe> = klines.chain(self.has_tickers().then_some(Interval::Day.into())).collect();
        intervals.into_iter().collect()
    }

    /// Whether the close of the day before is missing.
    pub fn needs_previous_close(&self) -> bool {
        self.names.contains_key(&StreamKind::Ticker) && self.ticker.previous_close.is_none()
    }

    /// Takes what stood at the subscription.
    pub fn began(&mut self, last: &Last) {
        self.ticker.quote = self.ticker.quote.or(last.quote);
        self.ticker.last_trade = self.ticker.last_trade.or(last.trade);
    }

    /// An event for each name of a kind of stream, which is made only where there is a name.
    fn write(&self, kind: StreamKind, style: EventStyle, event: impl FnOnce() -> Value) -> Vec<Bytes> {
        let Some(names) = self.names.get(&kind) else { return Vec::new() };
        let event = event();
        let own = names.iter().filter(|name| of_all(name).is_none());
        own.map(|name| messages::of_stream(name, &event, style.is_combined)).collect()
    }

    /// The figures of the day for each stream of all stocks that it belongs to: those of the kline of a day, or the last ones of a day
    /// that has ended since.
    pub fn of_all(&mut self, symbol: &Symbol, day: Option<&KlineState>, now: i64, unit: Nanos) -> Vec<(String, Value)> {
        let ended = self.ended.take();
        let Some(day) = day.or(ended.as_ref()) else { return Vec::new() };
        let event = |kind| match kind {
            StreamKind::Ticker => messages::ticker(symbol, day, &self.ticker, now, unit),
            _ => messages::mini_ticker(symbol, day, now),
        };
        let named = self.names.iter().flat_map(|(kind, names)| names.iter().map(move |name| (*kind, name)));
        named.filter_map(|(_, name)| Some((name.clone(), event(of_all(name)?)))).collect()
    }

    /// A kline, and the tickers of the day where it is that of the day.
    pub fn kline(
        &self,
        symbol: &Symbol,
        kline: &KlineState,
        now: i64,
        style: EventStyle,
        calendar: &Calendar,
    ) -> Vec<Bytes> {
        let of_kline = || messages::kline(symbol, kline, now, style.unit, calendar);
        let mut written = self.write(StreamKind::Kline(kline.interval), style, of_kline);
        if kline.interval == Interval::Day.into() {
            written.extend(self.write(StreamKind::MiniTicker, style, || messages::mini_ticker(symbol, kline, now)));
            let ticker = || messages::ticker(symbol, kline, &self.ticker, now, style.unit);
            written.extend(self.write(StreamKind::Ticker, style, ticker));
        }
        written
    }

    /// What its streams write of an event. Klines that are still open are written by the timer.
    pub fn event(&mut self, symbol: &Symbol, event: &Event, style: EventStyle, calendar: &Calendar) -> Vec<Bytes> {
        let mut written = Vec::new();
        let over = match event {
            Event::Trade(trade) => {
                self.ticker.last_trade = Some(*trade);
                let over = self.running.trade(calendar, trade);
                written.extend(self.write(StreamKind::Trade, style, || messages::trade(symbol, trade, style.unit)));
                let aggregate = || messages::aggregate_trade(symbol, trade, style.unit);
                written.extend(self.write(StreamKind::AggregateTrade, style, aggregate));
                over
            }
            Event::Quote(quote) => {
                self.ticker.quote = Some(*quote);
                written.extend(self.write(StreamKind::BookTicker, style, || messages::book_ticker(symbol, quote)));
                written.extend(self.write(StreamKind::Depth, style, || messages::depth(quote)));
                vec![]
            }
            Event::Bar(closed) => self.running.close(calendar, &closed.bar),
            Event::Halt { .. } => vec![],
        };
        for kline in over {
            // A closed kline is as of the end of the minute that closed it, which is when the market had come there.
            let minute_end = match event {
                Event::Bar(closed) => closed.bar.first.end(),
                _ => kline.start,
            };
            written.extend(self.kline(symbol, &kline, minute_end.count_of(style.unit), style, calendar));
            if kline.interval == Interval::Day.into() {
                self.ended = Some(kline);
                self.ticker.previous_close = Some(Price::units(kline.ohlcv.close()));
            }
        }
        written
    }
}
