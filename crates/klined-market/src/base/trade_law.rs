//! The two ways in which a minute can have trades.

/// How the trades of a minute are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TradeLaw {
    /// As on a stock exchange. The trades keep to the bar's volume, turnover and number of trades.
    #[default]
    Clusters,
    /// As in a test feed: one or two trades in every tenth of a second, each of 100 to 500 shares. The bar has what they add up to. A
    /// bar that has something else, because another program has changed it, gets trades by [`Self::Clusters`].
    Slots,
}
