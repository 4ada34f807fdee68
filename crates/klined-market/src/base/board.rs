//! Boards and their rules: how far a price may move in a day, and in what sizes shares trade.
//!
//! Sources: the trading rules of the Shanghai, Shenzhen and Beijing exchanges. Main board ±10 %; stocks under special
//! treatment (ST) ±5 % until 2026-07-05 and ±10 % since 2026-07-06; ChiNext ±20 % since 2020-08-24, ±10 % before; STAR
//! ±20 %; Beijing ±30 %. A limit price is the previous close times (1 ± limit), rounded half up to the tick, and at least
//! one tick away from it.

use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Price;

/// From this day on, ST stocks of the main board have the limits of the others.
const ST_LIKE_OTHERS_FROM: NaiveDate = NaiveDate::from_ymd_opt(2026, 7, 6).unwrap();
/// ChiNext widened its limit on this day.
const CHINEXT_WIDE_FROM: NaiveDate = NaiveDate::from_ymd_opt(2020, 8, 24).unwrap();

/// The market segment in which a stock is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Board {
    /// No exchange's segment: it has no price limits, and lots of 100 shares.
    Free,
    /// Shanghai and Shenzhen main boards.
    Main,
    /// Shenzhen 300, 301, 302.
    ChiNext,
    /// Shanghai 688, 689.
    Star,
    /// Beijing 920.
    Beijing,
}

/// A text that is not the name of a board.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a board: use free, main, chinext, star or beijing")]
pub struct UnknownBoard(pub String);

/// The lowest and highest price that a stock may trade at on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PriceLimits {
    /// The lowest price, which is above 0.
    pub down: Price,
    /// The highest price.
    pub up: Price,
}

/// The sizes that an order may have, in shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderSizes {
    /// The smallest order.
    pub least: u64,
    /// The difference between one size and the next larger one.
    pub step: u64,
}

impl OrderSizes {
    /// Whole smallest orders in a volume.
    #[must_use]
    pub const fn orders(self, volume: u64) -> u64 {
        divide(volume, self.least).0
    }

    /// Whole steps in a volume, and the shares that are left over.
    #[must_use]
    pub const fn steps(self, volume: u64) -> (u64, u64) {
        divide(volume, self.step)
    }
}

/// Quotient and remainder. The sizes of all boards are known to the compiler here, which then multiplies instead of dividing.
const fn divide(volume: u64, by: u64) -> (u64, u64) {
    match by {
        1 => (volume, 0),
        100 => (volume / 100, volume % 100),
        200 => (volume / 200, volume % 200),
        other => (volume / other, volume % other),
    }
}

impl Board {
    /// Every board.
    pub const ALL: [Self; 5] = [Self::Free, Self::Main, Self::ChiNext, Self::Star, Self::Beijing];

    /// The name that `stock_metadata` keeps.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Main => "main",
            Self::ChiNext => "chinext",
            Self::Star => "star",
            Self::Beijing => "beijing",
        }
    }

    /// The sizes of orders: lots of 100 shares; on the STAR board any number from 200 shares on.
    #[must_use]
    pub const fn order_sizes(self) -> OrderSizes {
        match self {
            Self::Star => OrderSizes { least: 200, step: 1 },
            Self::Free | Self::Main | Self::ChiNext | Self::Beijing => OrderSizes { least: 100, step: 100 },
        }
    }

    /// The largest move of a day from the previous close, in per cent; none without limits.
    #[must_use]
    pub fn limit_percent(self, is_st: bool, day: NaiveDate) -> Option<u8> {
        match self {
            Self::Free => None,
            Self::Main if is_st && day < ST_LIKE_OTHERS_FROM => Some(5),
            Self::Main => Some(10),
            Self::ChiNext if day < CHINEXT_WIDE_FROM => Some(if is_st { 5 } else { 10 }),
            Self::ChiNext | Self::Star => Some(20),
            Self::Beijing => Some(30),
        }
    }

    /// The limits of a day after a close; none without limits.
    #[must_use]
    pub fn price_limits(self, is_st: bool, day: NaiveDate, previous_close: Price) -> Option<PriceLimits> {
        let percent = i64::from(self.limit_percent(is_st, day)?);
        let ticks = previous_close.ticks();
        let half_up = |hundredfold: i64| (hundredfold + 50) / 100;
        let up = half_up(ticks * (100 + percent)).max(ticks + 1).min(Price::MAX.ticks());
        let down = half_up(ticks * (100 - percent)).min(ticks - 1).max(Price::MIN.ticks());
        let price = |ticks: i64| Price::from_ticks(ticks).unwrap_or(previous_close);
        Some(PriceLimits { down: price(down), up: price(up) })
    }
}

impl fmt::Display for Board {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Board {
    type Err = UnknownBoard;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|board| board.as_str() == text).ok_or_else(|| UnknownBoard(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(board: Board, is_st: bool, day: &str, close_ticks: i64) -> (i64, i64) {
        let close = Price::from_ticks(close_ticks).unwrap();
        let PriceLimits { down, up } = board.price_limits(is_st, day.parse().unwrap(), close).unwrap();
        (down.ticks(), up.ticks())
    }

    #[test]
    fn limits_round_half_up_in_integers() {
        let on = "2026-01-05";
        // 10.05 × 1.1 = 11.055 and × 0.9 = 9.045: both halves go up.
        assert_eq!(limits(Board::Main, false, on, 1005), (905, 1106));
        assert_eq!(limits(Board::Main, false, on, 1000), (900, 1100));
        assert_eq!(limits(Board::Star, false, on, 1003), (802, 1204));
        assert_eq!(limits(Board::Beijing, false, on, 999), (699, 1299));
    }

    #[test]
    fn a_limit_is_at_least_a_tick_away() {
        assert_eq!(limits(Board::Main, false, "2026-01-05", 4), (3, 5));
        assert_eq!(limits(Board::Main, true, "2026-01-05", 9), (8, 10));
        assert_eq!(limits(Board::Main, false, "2026-01-05", 1), (1, 2));
    }

    #[test]
    fn rules_change_on_their_day() {
        assert_eq!(limits(Board::Main, true, "2026-07-05", 1000), (950, 1050));
        assert_eq!(limits(Board::Main, true, "2026-07-06", 1000), (900, 1100));
        assert_eq!(limits(Board::ChiNext, false, "2020-08-21", 1000), (900, 1100));
        assert_eq!(limits(Board::ChiNext, false, "2020-08-24", 1000), (800, 1200));
        assert_eq!(Board::Free.limit_percent(false, "2026-01-05".parse().unwrap()), None);
    }
}
