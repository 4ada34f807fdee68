//! A bar as clients receive it, and its label.

use crate::store::StoredBar;
use klined_market::base::{Ohlcv, Price, Timeframe, Traded, UnixSeconds};
use klined_market::calendar::Calendar;

/// The instant that labels a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Label {
    /// The start of its first minute.
    #[default]
    Start,
    /// The end of its last minute, even when that is in the future.
    End,
}

/// A bar as clients receive it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShownBar {
    /// Start of its first minute, in Unix seconds.
    pub start: UnixSeconds,
    /// Currency units, as are high, low and close.
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    /// Shares.
    pub volume: i64,
    /// None where they are not known.
    pub traded: Option<Traded>,
}

impl From<StoredBar> for ShownBar {
    fn from(bar: StoredBar) -> Self {
        let StoredBar { time, open, high, low, close, volume, .. } = bar;
        Self { start: time, open, high, low, close, volume, traded: bar.traded() }
    }
}

impl ShownBar {
    /// A bar of trades.
    pub(super) fn of(start: UnixSeconds, bar: &Ohlcv) -> Self {
        let [open, high, low, close] = [bar.open(), bar.high(), bar.low(), bar.close()].map(Price::units);
        Self { start, open, high, low, close, volume: bar.volume(), traded: bar.traded() }
    }

    pub(super) fn flat(start: UnixSeconds, price: f64) -> Self {
        let traded = Some(Traded::NOTHING);
        Self { start, open: price, high: price, low: price, close: price, volume: 0, traded }
    }

    /// The bar that this one and a later one make up.
    #[must_use]
    pub(super) fn then(&self, later: &Self) -> Self {
        Self {
            start: self.start,
            open: self.open,
            high: self.high.max(later.high),
            low: self.low.min(later.low),
            close: later.close,
            volume: self.volume.saturating_add(later.volume),
            traded: self.traded.zip(later.traded).and_then(|(traded, more)| traded.plus(more)),
        }
    }

    /// The bar as it is stored.
    pub(super) fn stored(&self) -> StoredBar {
        let Self { start, open, high, low, close, volume, traded } = *self;
        let (turnover, trades) = (traded.map(Traded::turnover_units), traded.map(Traded::trades));
        StoredBar { range: 0, time: start, open, high, low, close, volume, turnover, trades }
    }

    /// The mean price by volume, to a ten-thousandth; none without volume, and where the turnover is not known.
    #[must_use]
    pub fn mean_price(&self) -> Option<f64> {
        mean_price(self.traded, self.volume)
    }

    /// Whether all prices are positive numbers. Only an operator can have written others, and no client receives them.
    #[must_use]
    pub fn is_priced(&self) -> bool {
        self.stored().is_priced()
    }

    /// The label of the bar, in Unix seconds. A bar outside of all buckets, which only an operator can have written, has its
    /// start as label.
    #[must_use]
    pub fn time(&self, timeframe: Timeframe, label: Label, calendar: &Calendar) -> UnixSeconds {
        match (label, calendar.minute_starting(self.start)) {
            (Label::End, Ok(minute)) => calendar.bucket(minute, timeframe).last.end(),
            _ => self.start,
        }
    }
}

/// The mean price by volume, to a ten-thousandth, which is finer than a double of this size can be wrong by.
#[must_use]
pub fn mean_price(traded: Option<Traded>, volume: i64) -> Option<f64> {
    let traded = traded.filter(|_| volume > 0)?;
    Some((traded.turnover() as f64 * 100.0 / volume as f64).round() / 10_000.0)
}
