//! Figures of many minutes: the present day, the last hour, the last days.

use super::Reader;
use super::errors::{Failure, Refusal};
use crate::store::{BarRange, BarStore, StoredBar};
use klined_market::base::{Interval, Ohlcv, Symbol, Traded, UnixSeconds};
use klined_market::calendar::{Calendar, Minute};

/// A stock's last trading day so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DayFigures {
    /// Start of the last minute, in Unix seconds.
    pub last: UnixSeconds,
    /// Currency units, as are the other prices.
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    /// Shares.
    pub volume: i64,
    /// None where they are not known of every minute.
    pub traded: Option<Traded>,
    /// None when no earlier bar is kept.
    pub previous_close: Option<f64>,
}

impl DayFigures {
    /// Adds a minute that is not committed yet. The first minute of a day begins new figures.
    #[must_use]
    pub fn with(self, calendar: &Calendar, minute: Minute, bar: &Ohlcv) -> Self {
        let (high, low, close) = (bar.high().units(), bar.low().units(), bar.close().units());
        let last = minute.start();
        if last <= self.last {
            return self;
        }
        if calendar.date_of(self.last) != Ok(calendar.day_of(minute)) {
            let (open, volume, previous_close) = (bar.open().units(), bar.volume(), Some(self.close));
            return Self { last, open, high, low, close, volume, traded: bar.traded(), previous_close };
        }
        let (high, low) = (self.high.max(high), self.low.min(low));
        let traded = self.traded.zip(bar.traded()).and_then(|(traded, more)| traded.plus(more));
        Self { last, high, low, close, volume: self.volume.saturating_add(bar.volume()), traded, ..self }
    }
}

/// A period that ends with the market's newest minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// A number of trading minutes.
    Minutes(u16),
    /// A number of trading days. The last one counts with its committed part.
    Days(u16),
}

/// The figures of a stock in a period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PeriodFigures {
    /// Start of the first minute with a bar, in Unix seconds.
    pub from: UnixSeconds,
    /// Start of the last one.
    pub to: UnixSeconds,
    pub bars: usize,
    /// Currency units, as are the other prices.
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    /// The mean of the closes.
    pub mean: f64,
    /// Shares.
    pub volume: i64,
    /// None where they are not known of every minute.
    pub traded: Option<Traded>,
    /// √(Σr²·N/n) of n log returns r from close to close: the standard deviation of the return of a day, of
    /// N minutes, when there is no drift.
    pub volatility: f64,
}

impl Period {
    /// Start of its first minute when it ends with the minute that starts at `newest`.
    #[must_use]
    pub fn start(self, calendar: &Calendar, newest: UnixSeconds) -> UnixSeconds {
        let Ok(newest) = calendar.minute_starting(newest) else { return newest };
        match self {
            Self::Minutes(count) => {
                let before = (1..count).try_fold(newest, |minute, _| calendar.previous_minute(minute));
                before.map_or(UnixSeconds::EPOCH, Minute::start)
            }
            Self::Days(count) => {
                let first = calendar.first_of_days_ending(calendar.day_of(newest), usize::from(count));
                first.and_then(|day| calendar.open_of(day).ok()).map_or(UnixSeconds::EPOCH, Minute::start)
            }
        }
    }
}

/// The 1-minute bars from one instant on, at most those of 30 days.
fn minutes(
    store: &dyn BarStore,
    calendar: &Calendar,
    symbol: Symbol,
    from: UnixSeconds,
) -> Result<Vec<StoredBar>, Failure> {
    let range = BarRange { symbol, interval: Interval::Minute1, from, to: UnixSeconds::MAX };
    let mut bars = store.bars(&[range], 30 * usize::from(calendar.hours().minutes_per_day()))?;
    bars.retain(StoredBar::is_priced);
    Ok(bars)
}

fn close_before(store: &dyn BarStore, symbol: Symbol, to: UnixSeconds) -> Result<Option<f64>, Failure> {
    let range = BarRange { symbol, interval: Interval::Minute1, from: UnixSeconds::EPOCH, to };
    Ok(store.last_bars(&[range], 1)?.first().filter(|bar| bar.is_priced()).map(|bar| bar.close))
}

impl Reader {
    /// A stock's last trading day so far.
    ///
    /// # Errors
    /// There is no such stock, or the database cannot be read.
    pub async fn day(&self, symbol: Symbol) -> Result<DayFigures, Refusal> {
        self.ask(move |store, calendar| {
            let newest =
                BarRange { symbol, interval: Interval::Minute1, from: UnixSeconds::EPOCH, to: UnixSeconds::MAX };
            let last = store.last_bars(&[newest], 1)?.pop();
            let unknown = || Refusal::UnknownTicker(symbol.to_string());
            let open_at = Period::Days(1).start(calendar, last.ok_or_else(unknown)?.time);
            let bars = minutes(store, calendar, symbol, open_at)?;
            let (first, last) = (bars.first().ok_or_else(unknown)?, bars.last().ok_or_else(unknown)?);
            Ok(DayFigures {
                last: last.time,
                open: first.open,
                high: highest(&bars),
                low: lowest(&bars),
                close: last.close,
                volume: bars.iter().map(|bar| bar.volume).sum(),
                traded: traded(&bars),
                previous_close: close_before(store, symbol, open_at)?,
            })
        })
        .await
    }

    /// A stock's figures in a period.
    ///
    /// # Errors
    /// There is no such stock, it has no bar in that period, or the database cannot be read.
    pub async fn figures(&self, symbol: Symbol, period: Period) -> Result<PeriodFigures, Refusal> {
        let row = self.price(symbol).await?;
        let newest = self.price_list().await?.newest.unwrap_or(row.last_update);
        self.ask(move |store, calendar| {
            let bars = minutes(store, calendar, symbol, period.start(calendar, newest))?;
            let none = || Refusal::Invalid(format!("{symbol} has no bar in that time; ask for a longer period"));
            let (first, last) = (bars.first().ok_or_else(none)?, bars.last().ok_or_else(none)?);
            let squares = bars.windows(2).map(|pair| (pair[1].close / pair[0].close).ln().powi(2));
            let returns = bars.len().saturating_sub(1).max(1);
            let variance = squares.sum::<f64>() * f64::from(calendar.hours().minutes_per_day()) / returns as f64;
            Ok(PeriodFigures {
                from: first.time,
                to: last.time,
                bars: bars.len(),
                open: first.open,
                high: highest(&bars),
                low: lowest(&bars),
                close: last.close,
                mean: bars.iter().map(|bar| bar.close).sum::<f64>() / bars.len() as f64,
                volume: bars.iter().map(|bar| bar.volume).sum(),
                traded: traded(&bars),
                volatility: variance.sqrt(),
            })
        })
        .await
    }
}

/// The sums of turnover and trades, where they are known of every bar.
fn traded(bars: &[StoredBar]) -> Option<Traded> {
    bars.iter().try_fold(Traded::NOTHING, |sum, bar| sum.plus(bar.traded()?))
}

fn highest(bars: &[StoredBar]) -> f64 {
    bars.iter().fold(f64::NEG_INFINITY, |high, bar| high.max(bar.high))
}

fn lowest(bars: &[StoredBar]) -> f64 {
    bars.iter().fold(f64::INFINITY, |low, bar| low.min(bar.low))
}
