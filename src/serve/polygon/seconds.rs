//! The sums of one ticker that aggregates need: its second, its minute and its day so far, from its trades.

use chrono::NaiveDate;

use klined_market::bars::Bar;
use klined_market::bars::ticks::Trade;
use klined_market::base::{Ohlcv, UnixNanos, UnixSeconds};
use klined_market::calendar::{Calendar, Minute};

/// Sums of trades.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// Shares.
    pub volume: i64,
    /// Price in hundredths times shares.
    pub turnover: i128,
    pub trades: i64,
}

impl Sums {
    pub fn add(&mut self, trade: &Trade) {
        self.volume += trade.shares;
        self.turnover += i128::from(trade.price.ticks()) * i128::from(trade.shares);
        self.trades += 1;
    }

    /// The mean price by volume, to a ten-thousandth; none without volume.
    fn vwap(&self) -> Option<f64> {
        (self.volume > 0).then(|| (self.turnover as f64 * 100.0 / self.volume as f64).round() / 10_000.0)
    }

    /// Shares a trade.
    fn mean_size(&self) -> Option<i64> {
        (self.trades > 0).then(|| self.volume / self.trades)
    }
}

/// The day as far as it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DaySums {
    /// Shares since the open.
    pub volume: Option<i64>,
    pub open: Option<f64>,
    /// Mean price by volume since the open.
    pub vwap: Option<f64>,
}

/// A second with a trade, or a committed minute.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SummedBar {
    /// Unix seconds.
    pub start: UnixSeconds,
    pub bar: Ohlcv,
    pub vwap: Option<f64>,
    pub mean_size: Option<i64>,
    pub day: DaySums,
}

/// The committed minutes of a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Committed {
    pub day: NaiveDate,
    /// Start of the last minute in it.
    pub until: UnixSeconds,
    pub open: f64,
    pub volume: i64,
    /// In hundredths; none where it is not known of every minute.
    pub turnover: Option<i128>,
}

/// The sums of one ticker.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    committed: Option<Committed>,
    /// Start of the minute so far; none before the first trade.
    minute: Option<UnixSeconds>,
    of_minute: Sums,
    minute_open: Option<f64>,
    second: Option<(UnixSeconds, Ohlcv, Sums)>,
    /// The second that had begun before the client subscribed.
    begun: Option<UnixSeconds>,
}

impl Tally {
    /// Begins in mid-minute, after these of its trades.
    #[must_use]
    pub fn after(committed: Option<Committed>, missed: &[Trade]) -> Self {
        let mut tally = Self { committed, ..Self::default() };
        for trade in missed {
            tally.count(trade);
        }
        tally.begun = missed.last().map(|trade| trade.at.seconds());
        tally
    }

    fn count(&mut self, trade: &Trade) {
        let minute = Some(Minute::label_of(trade.at.seconds()));
        if minute != self.minute {
            self.minute = minute;
            self.of_minute = Sums::default();
            self.minute_open = Some(trade.price.units());
        }
        self.of_minute.add(trade);
    }

    /// Takes a trade; gives the second before it, if that is over now.
    pub fn trade(&mut self, trade: &Trade, calendar: &Calendar) -> Option<SummedBar> {
        let over = self.pass(trade.at, calendar);
        self.count(trade);
        let second = trade.at.seconds();
        if self.begun == Some(second) {
            return over;
        }
        match &mut self.second {
            Some((_, bar, sums)) => {
                *bar = bar.then(trade.as_bar());
                sums.add(trade);
            }
            None => {
                let mut sums = Sums::default();
                sums.add(trade);
                self.second = Some((second, trade.as_bar(), sums));
            }
        }
        over
    }

    /// The second so far, if it is over at an instant.
    pub fn pass(&mut self, now: UnixNanos, calendar: &Calendar) -> Option<SummedBar> {
        let is_over = |(start, _, _): &mut (UnixSeconds, Ohlcv, Sums)| start.next().saturating_nanos() <= now;
        let (start, bar, sums) = self.second.take_if(is_over)?;
        Some(SummedBar { start, bar, vwap: sums.vwap(), mean_size: sums.mean_size(), day: self.day(start, calendar) })
    }

    /// The day with the minute so far.
    fn day(&self, at: UnixSeconds, calendar: &Calendar) -> DaySums {
        let Ok(day) = calendar.date_of(at) else { return DaySums::default() };
        let is_first = calendar.open_of(day).is_ok_and(|open| Some(open.start()) == self.minute);
        match self.committed.filter(|committed| committed.day == day) {
            Some(committed) => {
                let is_counted = self.minute <= Some(committed.until);
                let more = if is_counted { Sums::default() } else { self.of_minute };
                let volume = committed.volume + more.volume;
                let turnover = committed.turnover.map(|turnover| turnover + more.turnover);
                let vwap = turnover.and_then(|turnover| Sums { volume, turnover, trades: 0 }.vwap());
                DaySums { volume: Some(volume), open: Some(committed.open), vwap }
            }
            // The day's first minute: it is all there is.
            None if is_first => {
                DaySums { volume: Some(self.of_minute.volume), open: self.minute_open, vwap: self.of_minute.vwap() }
            }
            None => DaySums::default(),
        }
    }

    /// Takes a committed bar.
    pub fn bar(&mut self, bar: &Bar, calendar: &Calendar) -> SummedBar {
        let start = bar.first.start();
        let day = calendar.day_of(bar.first);
        let traded = bar.ohlcv.traded();
        let turnover = traded.map(|traded| i128::from(traded.turnover()));
        self.committed = match self.committed.filter(|committed| committed.day == day) {
            Some(committed) if start <= committed.until => Some(committed),
            Some(committed) => Some(Committed {
                until: start,
                volume: committed.volume + bar.ohlcv.volume(),
                turnover: committed.turnover.zip(turnover).map(|(before, more)| before + more),
                ..committed
            }),
            None if calendar.index_in_day(bar.first) == 0 => Some(Committed {
                day,
                until: start,
                open: bar.ohlcv.open().units(),
                volume: bar.ohlcv.volume(),
                turnover,
            }),
            None => None,
        };
        let day = self.committed.map_or_else(DaySums::default, |committed| {
            let sums = committed.turnover.map(|turnover| Sums { volume: committed.volume, turnover, trades: 0 });
            let vwap = sums.and_then(|sums| sums.vwap());
            DaySums { volume: Some(committed.volume), open: Some(committed.open), vwap }
        });
        let volume = bar.ohlcv.volume();
        let sums = turnover.zip(traded).map(|(turnover, traded)| Sums { volume, turnover, trades: traded.trades() });
        SummedBar {
            start,
            bar: bar.ohlcv,
            vwap: sums.and_then(|sums| sums.vwap()),
            mean_size: sums.and_then(|sums| sums.mean_size()),
            day,
        }
    }
}
