//! A scorecard: what a market measures, beside what real ones do.
//!
//! Every metric has a band. Where the source is a measurement, the band is that figure with room for the error of an
//! estimate and for other years; where it is marked *usual*, it is what practitioners expect of such data.

mod books;
mod daily;
mod flow;
mod minutes;
pub mod statistics;

use klined_market::base::Seed;

use crate::base::{Hours, NoMarket};
use crate::market::{Market, MarketSettings, OrderRate};

/// One figure and its band.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    pub name: String,
    pub value: f64,
    /// Both bounds included.
    pub band: (f64, f64),
    pub source: &'static str,
}

impl Metric {
    /// A figure with its band.
    #[must_use]
    pub fn new(name: impl Into<String>, value: f64, band: (f64, f64), source: &'static str) -> Self {
        Self { name: name.into(), value, band, source }
    }

    /// Whether the figure lies in its band.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        (self.band.0..=self.band.1).contains(&self.value)
    }
}

/// The figures of one market.
#[derive(Debug, Clone, PartialEq)]
pub struct Scorecard {
    pub seed: u64,
    pub metrics: Vec<Metric>,
}

impl Scorecard {
    /// Measures the market of a seed: nine years of days, thirty days of minutes, one of seconds and twenty minutes of
    /// rows.
    ///
    /// # Errors
    /// None for a market that is open on the days that are measured.
    pub fn of(seed: u64) -> Result<Self, NoMarket> {
        let settings = MarketSettings {
            seed: Seed(seed),
            hours: Hours::Week,
            levels: 5,
            orders: OrderRate { least: 5, most: 30 },
        };
        let market = Market::new(settings);
        let mut metrics = daily::metrics(&market);
        metrics.extend(minutes::metrics(&market)?);
        metrics.extend(books::metrics(&market)?);
        metrics.extend(flow::metrics(&market)?);
        Ok(Self { seed, metrics })
    }

    /// Whether all figures lie in their bands.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        self.metrics.iter().all(Metric::is_inside)
    }

    /// The figures as a table.
    #[must_use]
    pub fn table(&self) -> String {
        let width = self.metrics.iter().map(|metric| metric.name.len()).max().unwrap_or(0);
        let mut text = format!("seed {}\n", self.seed);
        for Metric { name, value, band, source } in &self.metrics {
            let mark = if (band.0..=band.1).contains(value) { "  " } else { "✗ " };
            text += &format!("{mark}{name:width$}  {value:>9.3}  {:>8.3} … {:<8.3}  {source}\n", band.0, band.1);
        }
        text
    }
}
