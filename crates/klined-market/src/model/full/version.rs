//! The versions of the full model: each database keeps the one that it was made with.
//!
//! The versions are one model. Each of the functions below names one point at which they differ.

use crate::base::Board;

/// A version of the full model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FullVersion {
    /// `full-2`: one set of numbers for all boards, and trade in every minute.
    V2,
    /// `full-3`: numbers of their own for the board `free`, closing calls, minutes without trade, and queues at the best prices.
    V3,
}

impl FullVersion {
    /// Every version.
    pub const ALL: [Self; 2] = [Self::V2, Self::V3];
    /// The version of new markets.
    pub const NEWEST: Self = Self::V3;

    /// Its name in a database's identity.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::V2 => "full-2",
            Self::V3 => "full-3",
        }
    }

    /// The version of a database's model; none if this crate does not have it.
    #[must_use]
    pub fn of_identity(identity: &str) -> Option<Self> {
        let name = identity.split_once('+').map_or(identity, |(name, _)| name);
        Self::ALL.into_iter().find(|version| version.name() == name)
    }

    /// Whether stocks of the board `free` have numbers of their own.
    pub(super) fn has_own_rules_on_free(self) -> bool {
        self == Self::V3
    }

    /// Whether a board's day ends with a closing call.
    pub(super) fn has_closing_call(self, board: Board) -> bool {
        self == Self::V3 && board != Board::Free
    }

    /// Whether the base volatility of a board's stocks includes news and the market's shocks.
    pub(super) fn has_jumps_in_base_volatility(self, board: Board) -> bool {
        self == Self::V3 && board == Board::Free
    }

    /// Whether a stock may have minutes without trade.
    pub(super) fn has_minutes_without_trade(self) -> bool {
        self == Self::V3
    }

    /// Whether the sizes of quotes follow from the stock's turnover and price, and not from the minute's trades.
    pub(in crate::model) fn has_queues(self) -> bool {
        self == Self::V3
    }
}
