//! The versions of the plain model: each database keeps the one that it was made with.
//!
//! The versions are one model. Each of the functions below names one point at which they differ.

use super::super::regime::Regime;
use crate::base::instrument::DEFAULT_DAILY_TURNOVER;
use crate::base::{Instrument, TradeLaw};

/// A version of the plain model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GbmVersion {
    /// `gbm-1`: the base volatility is that of the bull regime, and every stock has the same turnover.
    V1,
    /// `gbm-2`: the base volatility is that of all regimes together, and each stock has its own turnover.
    V2,
    /// `gbm-test`: the prices of `gbm-2`, with the trades of a test feed.
    Test,
}

impl Default for GbmVersion {
    fn default() -> Self {
        Self::NEWEST
    }
}

impl GbmVersion {
    /// Every version.
    pub const ALL: [Self; 3] = [Self::V1, Self::V2, Self::Test];
    /// The version of new markets.
    pub const NEWEST: Self = Self::V2;

    /// Its name in a database's identity.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V1 => "gbm-1",
            Self::V2 => "gbm-2",
            Self::Test => "gbm-test",
        }
    }

    /// The version of a database's model; none if this crate does not have it.
    #[must_use]
    pub fn of_identity(identity: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|version| version.name() == identity)
    }

    /// The factor by which the base volatility is multiplied in every regime, besides the regime's own. √(Σ π c²) = 1.19 is the
    /// factor that the regimes have together, so its inverse leaves the base volatility as the deviation of a usual day.
    pub(super) fn volatility_scale(self) -> f64 {
        match self {
            Self::V1 => 1.0,
            Self::V2 | Self::Test => 1.0 / Regime::root_mean_square_factor(),
        }
    }

    /// How the trades of a minute are drawn.
    pub(in crate::model) fn trade_law(self) -> TradeLaw {
        match self {
            Self::V1 | Self::V2 => TradeLaw::Clusters,
            Self::Test => TradeLaw::Slots,
        }
    }

    /// The mean daily turnover of an instrument at its base price, in currency units.
    pub(super) fn daily_turnover(self, instrument: &Instrument) -> f64 {
        match self {
            Self::V1 => DEFAULT_DAILY_TURNOVER,
            Self::V2 | Self::Test => instrument.daily_turnover,
        }
    }
}
