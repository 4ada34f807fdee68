//! One symbol's bars for the estimators: quarter-hours and days, with prices as logs of ticks.

use klined_market::base::{Ohlcv, PriceLimits};

/// Quarter-hours in a trading day of the exchange that the market is compared with.
pub const QUARTERS_PER_DAY: usize = 16;

/// A bar of a sample: of a quarter-hour, or of a part of one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleBar {
    /// Prices in ticks. Those of another market may lie between two ticks.
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    /// Shares.
    pub volume: f64,
}

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

impl From<Ohlcv> for SampleBar {
    fn from(bar: Ohlcv) -> Self {
        Self {
            open: bar.open().ticks() as f64,
            high: bar.high().ticks() as f64,
            low: bar.low().ticks() as f64,
            close: bar.close().ticks() as f64,
            volume: bar.volume() as f64,
        }
    }
}

impl SampleBar {
    /// This bar and the one after it as one.
    fn then(self, next: Self) -> Self {
        Self {
            open: self.open,
            high: self.high.max(next.high),
            low: self.low.min(next.low),
            close: next.close,
            volume: self.volume + next.volume,
        }
    }
}

impl Series {
    /// Adds a whole day of bars, the same number for each quarter-hour. A day that has another number is left out.
    pub fn push_day(&mut self, bars: &[SampleBar], limits: Option<PriceLimits>) {
        if bars.is_empty() || !bars.len().is_multiple_of(QUARTERS_PER_DAY) {
            return;
        }
        let fold = |bars: &[SampleBar]| bars.iter().copied().reduce(SampleBar::then);
        self.quarters.extend(bars.chunks(bars.len() / QUARTERS_PER_DAY).filter_map(fold).map(|bar| QuarterBar {
            open: bar.open.ln(),
            high: bar.high.ln(),
            low: bar.low.ln(),
            close: bar.close.ln(),
            volume: bar.volume,
        }));
        if let Some(bar) = fold(bars) {
            self.days.push(DailyBar {
                open: bar.open.ln(),
                high: bar.high.ln(),
                low: bar.low.ln(),
                close: bar.close.ln(),
                volume: bar.volume,
                closes_at_up_limit: limits.is_some_and(|limits| bar.close == limits.up.ticks() as f64),
                closes_at_down_limit: limits.is_some_and(|limits| bar.close == limits.down.ticks() as f64),
            });
        }
    }

    /// Returns of quarter-hours: change of the log close, within each day's first ln(close/open), so no night is in them.
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
