//! One symbol's bars for the estimators: quarter-hours and days, with prices as logs of ticks.

use klined_market::base::{Ohlcv, PriceLimits};

/// Minutes in a quarter-hour.
const QUARTER_MINUTES: usize = 15;
/// Quarter-hours in a trading day of the exchange that the market is compared with.
pub const QUARTERS_PER_DAY: usize = 16;

/// A quarter-hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuarterBar {
    /// Logs of prices in ticks.
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    /// Shares.
    pub volume: f64,
}

/// A trading day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DailyBar {
    /// Logs of prices in ticks.
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    /// Shares.
    pub volume: f64,
    pub closes_at_up_limit: bool,
    pub closes_at_down_limit: bool,
}

/// A symbol's quarter-hours and days, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Series {
    pub quarters: Vec<QuarterBar>,
    pub days: Vec<DailyBar>,
}

impl Series {
    /// Adds a whole day of minutes; a day that is not whole is left out.
    pub fn push_day(&mut self, minutes: &[Ohlcv], limits: Option<PriceLimits>) {
        if minutes.len() != QUARTERS_PER_DAY * QUARTER_MINUTES {
            return;
        }
        let log = |ticks: i64| (ticks as f64).ln();
        let fold = |bars: &[Ohlcv]| bars.iter().copied().reduce(Ohlcv::then);
        self.quarters.extend(minutes.chunks(QUARTER_MINUTES).filter_map(fold).map(|bar| QuarterBar {
            open: log(bar.open().ticks()),
            high: log(bar.high().ticks()),
            low: log(bar.low().ticks()),
            close: log(bar.close().ticks()),
            volume: bar.volume() as f64,
        }));
        if let Some(bar) = fold(minutes) {
            self.days.push(DailyBar {
                open: log(bar.open().ticks()),
                high: log(bar.high().ticks()),
                low: log(bar.low().ticks()),
                close: log(bar.close().ticks()),
                volume: bar.volume() as f64,
                closes_at_up_limit: limits.is_some_and(|limits| bar.close() == limits.up),
                closes_at_down_limit: limits.is_some_and(|limits| bar.close() == limits.down),
            });
        }
    }

    /// QuarterBar-hour returns: change of the log close, within each day's first ln(close/open), so no night is in them.
    #[must_use]
    pub fn quarter_returns(&self) -> Vec<f64> {
        let mut before = 0.0;
        let each = |(place, quarter): (usize, &QuarterBar)| {
            let from = if place % QUARTERS_PER_DAY == 0 { quarter.open } else { before };
            before = quarter.close;
            quarter.close - from
        };
        self.quarters.iter().enumerate().map(each).collect()
    }

    /// Daily returns: change of the log close, one fewer than days.
    #[must_use]
    pub fn daily_returns(&self) -> Vec<f64> {
        self.days.windows(2).map(|pair| pair[1].close - pair[0].close).collect()
    }
}
