//! A day's bars from its events.
//!
//! Every minute of the calendar's day has a bar of each stock: open, high, low and close of its trades, the sum of their units as
//! volume, and turnover and number of trades. A minute without a trade has the price of the last one and nothing else, as in every
//! market of klined.

use chrono::NaiveDate;
use klined_exchange::run::RunEvent;
use klined_exchange::units::NANOS_PER_SECOND;
use klined_market::base::{Ohlcv, Price, Traded};
use klined_market::calendar::{Calendar, Minute};

use crate::exchange::{NoMarket, Stock, starts_of};

const SECONDS_PER_MINUTE: i64 = 60;

/// A stock in the minute that is being made.
#[derive(Debug, Clone, Copy)]
struct Tally {
    /// Price of the last trade.
    last: Price,
    /// None before the first trade of the minute.
    bar: Option<Ohlcv>,
}

/// A day on its way.
#[derive(Debug)]
pub struct DayFold<'a> {
    stocks: &'a [Stock],
    minutes: Vec<Minute>,
    starts: Vec<i64>,
    tallies: Vec<Tally>,
    /// The minute that is being made.
    at: usize,
    outside: u64,
}

impl<'a> DayFold<'a> {
    /// A day before its first event, with the price of each stock's last trade.
    #[must_use]
    pub fn open(
        calendar: &Calendar,
        stocks: &'a [Stock],
        day: NaiveDate,
        lasts: impl IntoIterator<Item = Price>,
    ) -> Self {
        let tallies = lasts.into_iter().map(|last| Tally { last, bar: None }).collect();
        let (minutes, starts) = (calendar.minutes_of(day).collect(), starts_of(calendar, day));
        Self { stocks, minutes, starts, tallies, at: 0, outside: 0 }
    }

    /// The trades so far that are in none of the day's minutes: on a day that closes early, those after the close.
    #[must_use]
    pub fn outside(&self) -> u64 {
        self.outside
    }

    /// Takes the day's next event, in order of time; gives the minutes that are over with it, each with a bar of each stock.
    ///
    /// # Errors
    /// Its price is none of a bar.
    pub fn push(&mut self, event: &RunEvent, over: &mut Vec<(Minute, Vec<Ohlcv>)>) -> Result<(), NoMarket> {
        let second = i64::try_from(event.event.ts_ns / NANOS_PER_SECOND).unwrap_or(i64::MAX);
        while self.starts.get(self.at).is_some_and(|start| second >= start + SECONDS_PER_MINUTE) {
            over.extend(self.end_minute());
        }
        if !event.event.event_type.is_execution() {
            return Ok(());
        }
        if self.starts.get(self.at).is_none_or(|start| second < *start) {
            self.outside += 1;
            return Ok(());
        }
        let price = self.stocks[event.nth].price(event.event.price_ticks)?;
        let units = i64::from(event.event.qty);
        let traded = Traded::new(price.ticks().saturating_mul(units), 1).ok();
        let trade = Ohlcv::spanning(price, price, price, price, u64::from(event.event.qty)).with_traded(traded);
        let tally = &mut self.tallies[event.nth];
        tally.last = price;
        tally.bar = Some(tally.bar.map_or(trade, |bar| bar.then(trade)));
        Ok(())
    }

    /// The rest of the day's minutes, after its last event.
    pub fn end(&mut self) -> impl Iterator<Item = (Minute, Vec<Ohlcv>)> + '_ {
        std::iter::from_fn(|| self.end_minute())
    }

    fn end_minute(&mut self) -> Option<(Minute, Vec<Ohlcv>)> {
        let minute = *self.minutes.get(self.at)?;
        self.at += 1;
        let bar = |tally: &mut Tally| {
            let Tally { last, .. } = *tally;
            let quiet = || Ohlcv::spanning(last, last, last, last, 0).with_traded(Some(Traded::NOTHING));
            tally.bar.take().unwrap_or_else(quiet)
        };
        Some((minute, self.tallies.iter_mut().map(bar).collect()))
    }
}
