//! The four venues and their manners.

/// An electronic communication network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ecn {
    /// Firm quotes, small lots, fills within a millisecond.
    Lmax,
    /// Whole millions, at least one; orders are matched in batches of 1 to 3 ms.
    Ebs,
    /// Last look of up to 100 ms.
    Hotspot,
    /// Last look of up to 100 ms, and the least informed takers.
    Currenex,
}

/// How orders fare on a venue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// How much a taker's side leans towards where the price goes, for each standard deviation of it.
    pub information: f64,
    /// Orders are rounded up to a multiple of this, in the base currency.
    pub lot: f64,
    /// Whether a maker may refuse an order when the price has moved in the taker's favour meanwhile.
    pub has_last_look: bool,
}

impl Ecn {
    /// All venues.
    pub const ALL: [Self; 4] = [Self::Lmax, Self::Ebs, Self::Hotspot, Self::Currenex];
    /// The least size at which EBS deals.
    pub const EBS_LEAST: f64 = 1_000_000.0;

    /// The name in the tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Lmax => "LMAX",
            Self::Ebs => "EBS",
            Self::Hotspot => "Hotspot",
            Self::Currenex => "Currenex",
        }
    }

    /// The venue that publishes a price whose sizes are given, by a uniform number.
    #[must_use]
    pub fn of_quote(uniform: f64, bid_size: f64, ask_size: f64) -> Self {
        let has_millions = bid_size.min(ask_size) >= Self::EBS_LEAST;
        match uniform {
            u if u < 0.33 => Self::Ebs,
            u if u < 0.62 => Self::Lmax,
            u if u < 0.83 => Self::Hotspot,
            _ => Self::Currenex,
        }
        .or_firm(has_millions)
    }

    /// The venue that an order of a size goes to, by a uniform number.
    pub(super) fn of_order(uniform: f64, size: f64) -> Self {
        match uniform {
            u if u < 0.40 => Self::Ebs,
            u if u < 0.62 => Self::Lmax,
            u if u < 0.83 => Self::Hotspot,
            _ => Self::Currenex,
        }
        .or_firm(size >= Self::EBS_LEAST)
    }

    fn or_firm(self, has_millions: bool) -> Self {
        if self == Self::Ebs && !has_millions { Self::Lmax } else { self }
    }

    pub(super) fn manner(self) -> Manner {
        let (information, lot, has_last_look) = match self {
            Self::Lmax => (0.17, 10_000.0, false),
            Self::Ebs => (0.15, 1_000_000.0, false),
            Self::Hotspot => (0.07, 50_000.0, true),
            Self::Currenex => (0.05, 50_000.0, true),
        };
        Manner { information, lot, has_last_look }
    }

    /// Nanoseconds from an order to its fill, by a uniform number.
    pub(super) fn delay_nanos(self, uniform: f64) -> i64 {
        let nanos = match self {
            Self::Lmax => 40_000.0 + 460_000.0 * uniform,
            Self::Ebs => 1_000_000.0 + 2_000_000.0 * uniform,
            // Between 1 and 100 ms, short ones more often.
            Self::Hotspot | Self::Currenex => 1e6 * klined_market::model::math::exp(uniform * 4.605),
        };
        nanos as i64
    }
}
