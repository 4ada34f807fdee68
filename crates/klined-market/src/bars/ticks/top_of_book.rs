//! The top of the book: the best bid and ask before each trade, and which of the two the trade takes. There is no book of orders
//! behind it.
//!
//! Bid and ask stand around the path's price at a spread of 1 + G whole ticks, G geometric with mean 1 basis point of the
//! price and 3 % of the bar's range: spreads are a tick where the tick is coarse, and otherwise grow with volatility
//! (M. Wyart, J.-P. Bouchaud, J. Kockelkoren, M. Potters, M. Vettorazzo, Quantitative Finance 8 (2008)). The spread is
//! drawn anew once in four trades and is no wider than the bar's range or a tick, because both sides of it trade. Trades take
//! the other side than the one before with probability 7/16; that makes the bounce of R. Roll (Journal of Finance 39
//! (1984)) with order flow that lasts a little. In a bar of one price bid and ask have to move for that, so there it is
//! 1/16.
//!
//! Where the price is given, or bid or ask would reach out of the bar, the side that trades is put on the price and the
//! other one a spread away from it. A side that would lie past a price limit or a bound of the stock stands at the limit, and is empty
//! when the trade is at the limit itself: no order may ask more than the upper limit.
//!
//! Sizes are exponential, the simplest of the gamma distributions that queues at the best price have (J.-P. Bouchaud, M. Mézard,
//! M. Potters, Quantitative Finance 2 (2002)), in whole lots. Their mean is that of the day's queues, or two mean trades where these
//! are not known. The side that is taken has the trade's size besides, so every trade has what it takes. Orders that wait at a
//! price limit have a queue of its own, which differs by less than a tenth from one quote to the next.

use super::path::PathPoint;
use super::{Level, Side, TickFacts};
use crate::base::seed::open_unit;
use crate::base::{Ohlcv, OrderSizes, Price};
use crate::model::math::ln;

/// The part of a price that widens the spread on average.
const SPREAD_OF_PRICE: f64 = 1.0e-4;
/// The part of a bar's range that does.
const SPREAD_OF_RANGE: f64 = 0.03;
/// Mean displayed size, in mean trades.
const DEPTH_IN_TRADES: f64 = 2.0;
/// Mean displayed size without any trade, in the steps that orders grow by.
const DEPTH_WITHOUT_TRADES: f64 = 10.0;
/// The queue at a price limit is at least this share of the day's.
const AT_LIMIT_LEAST: f64 = 0.9;
/// No more steps than this are displayed besides the trade's own size.
const DEPTH_STEPS_MAX: f64 = 1.0e16;
/// Probability of taking the other side, in sixteenths.
const TURNS_OF_16: u64 = 7;
const TURNS_OF_16_AT_ONE_PRICE: u64 = 1;

/// The best bid and ask of one minute, from trade to trade.
pub(super) struct TopOfBook {
    low: i64,
    range: u64,
    /// The lowest and the highest price of an order, in ticks.
    down: i64,
    up: i64,
    is_limited: bool,
    sizes: OrderSizes,
    turns_of_16: u64,
    /// 1/ln q, with qᵏ the probability of at least k more ticks of spread.
    per_log: f64,
    spread: u64,
    side: Side,
    depth_steps: f64,
    /// The usual queue at a price limit; none where it is not known.
    limit_steps: Option<f64>,
}

/// The quote before a trade, and the trade.
#[derive(Debug, Clone, Copy)]
pub(super) struct QuotedTrade {
    pub bid: Option<Level>,
    pub ask: Option<Level>,
    pub price: Price,
    pub side: Side,
    /// Uniform in [0, 1), independent of the rest.
    pub chance: f64,
}

/// The price and side of a trade.
#[derive(Debug, Clone, Copy)]
pub(super) struct PricedTrade {
    /// Ticks above the low.
    pub price: u64,
    pub side: Side,
    /// Ticks between bid and ask, as far as price limits allow.
    pub spread: u64,
}

impl TopOfBook {
    /// The top of the book for a bar of `trades` trades; 0 of a bar without volume.
    pub(super) fn of(facts: &TickFacts, bar: &Ohlcv, trades: usize) -> Self {
        let (low, high) = (bar.low().ticks(), bar.high().ticks());
        let limits = facts.limits.map_or((Price::MIN, Price::MAX), |limits| (limits.down, limits.up));
        let (down, up) = (facts.bounds.hold(limits.0), facts.bounds.hold(limits.1));
        let range = high.abs_diff(low);
        let widening = bar.close().ticks() as f64 * SPREAD_OF_PRICE + range as f64 * SPREAD_OF_RANGE;
        let sizes = facts.board.order_sizes();
        let per_step = 1.0 / sizes.step as f64;
        let depth_steps = if let Some(depth) = facts.depth {
            depth.best as f64 * per_step
        } else if trades > 0 {
            DEPTH_IN_TRADES * bar.volume() as f64 / trades as f64 / sizes.step as f64
        } else {
            DEPTH_WITHOUT_TRADES
        };
        Self {
            low,
            range,
            // A bar that was traded out of the limits shows that they did not apply.
            down: down.ticks().min(low),
            up: up.ticks().max(high),
            is_limited: facts.limits.is_some() || !facts.bounds.is_none(),
            sizes,
            turns_of_16: if range == 0 { TURNS_OF_16_AT_ONE_PRICE } else { TURNS_OF_16 },
            per_log: 1.0 / ln(widening / (1.0 + widening)),
            spread: 0,
            side: Side::Buy,
            depth_steps,
            limit_steps: facts.depth.filter(|_| facts.limits.is_some()).map(|depth| depth.at_limit as f64 * per_step),
        }
    }

    /// The next trade of so many shares, and the quote before it, from two random words.
    #[inline]
    pub(super) fn next(&mut self, point: PathPoint, shares: u64, word: u64, depths: u64) -> QuotedTrade {
        let priced = self.price(point, word);
        self.quote(priced, shares, depths)
    }

    /// The price and side of the next trade, from a random word.
    #[inline]
    pub(super) fn price(&mut self, point: PathPoint, word: u64) -> PricedTrade {
        if self.spread == 0 {
            self.side = if word & 0b1 == 0 { Side::Buy } else { Side::Sell };
        } else if word & 0xf < self.turns_of_16 {
            self.side = self.side.other();
        }
        if self.spread == 0 || word >> 4 & 0b11 == 0 {
            let wider = (ln(open_unit(word)) * self.per_log) as u64;
            self.spread = wider.saturating_add(1).min(self.range.max(1));
        }
        // Ticks above the low.
        let price = match point {
            PathPoint::Given(price) => {
                self.side = self.side_at(price);
                price
            }
            PathPoint::Free(near) => {
                // The bid lies half a spread, less half a tick, below; a spread is added so that cutting is rounding
                // down.
                let half = (self.spread - 1) as f64 * 0.5;
                let ask = (near - half + self.spread as f64) as u64;
                let price = match self.side {
                    Side::Buy => ask.min(self.range),
                    Side::Sell => ask.saturating_sub(self.spread),
                };
                self.side = self.side_locked(price);
                price
            }
        };
        PricedTrade { price, side: self.side, spread: self.spread }
    }

    /// A trade of so many shares and the quote before it, from a random word.
    #[inline]
    pub(super) fn quote(
        &self,
        PricedTrade { price, side, spread }: PricedTrade,
        shares: u64,
        depths: u64,
    ) -> QuotedTrade {
        let ticks = self.low + price as i64;
        let spread = spread as i64;
        let (bid, ask) = match side {
            Side::Buy => ((ticks > self.down).then(|| (ticks - spread).max(self.down)), Some(ticks)),
            Side::Sell => (Some(ticks), (ticks < self.up).then(|| (ticks + spread).min(self.up))),
        };
        let taken = |of: Side| if side == of { shares } else { 0 };
        let bid_shares = self.depth(depths >> 38, taken(Side::Sell), bid == Some(self.up));
        let ask_shares = self.depth(depths >> 12 & 0x3ff_ffff, taken(Side::Buy), ask == Some(self.down));
        let level = |ticks: i64, shares| Price::from_ticks(ticks).ok().map(|price| Level { price, shares });
        QuotedTrade {
            bid: bid.and_then(|ticks| level(ticks, bid_shares)),
            ask: ask.and_then(|ticks| level(ticks, ask_shares)),
            price: Price::from_ticks(ticks).unwrap_or(Price::MIN),
            side,
            chance: (depths & 0xfff) as f64 / 4096.0,
        }
    }

    /// The side that a trade at a given price takes: at the extremes the one whose quote keeps the other inside the
    /// bar.
    fn side_at(&self, price: u64) -> Side {
        if self.range > 0 && price == self.range && !self.is_at_up(price) {
            Side::Buy
        } else if self.range > 0 && price == 0 && !self.is_at_down(price) {
            Side::Sell
        } else {
            self.side_locked(price)
        }
    }

    /// In a bar that is locked at a limit only the orders that wait there are taken.
    fn side_locked(&self, price: u64) -> Side {
        if self.range > 0 {
            return self.side;
        }
        match (self.is_at_up(price), self.is_at_down(price)) {
            (true, false) => Side::Sell,
            (false, true) => Side::Buy,
            _ => self.side,
        }
    }

    fn is_at_up(&self, price: u64) -> bool {
        self.is_limited && self.low + price as i64 == self.up
    }

    fn is_at_down(&self, price: u64) -> bool {
        self.is_limited && self.low + price as i64 == self.down
    }

    /// A displayed size from 26 random bits, at least `taken`; of orders that wait at a price limit or elsewhere.
    #[inline]
    fn depth(&self, bits: u64, taken: u64, is_waiting_at_limit: bool) -> i64 {
        let uniform = (bits as f64 + 0.5) * (1.0 / 67_108_864.0);
        let steps = match self.limit_steps.filter(|_| is_waiting_at_limit) {
            Some(queue) => queue * (AT_LIMIT_LEAST + (1.0 - AT_LIMIT_LEAST) * uniform),
            None => -ln(uniform) * self.depth_steps,
        };
        let steps = steps.min(DEPTH_STEPS_MAX) as u64;
        let OrderSizes { least, step } = self.sizes;
        let shares = taken.div_ceil(step).saturating_mul(step).saturating_add(least + steps * step);
        i64::try_from(shares).unwrap_or(i64::MAX)
    }
}
