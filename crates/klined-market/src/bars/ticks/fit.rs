//! Trades that add up to the turnover of their bar.
//!
//! Drawn trades have a turnover of their own. The free prices among them, those that are not the bar's open, extremes or close, are
//! drawn towards the high or the low in equal proportion until the sum is nearly met, then single trades move by one tick, and
//! then two trades of neighbouring prices exchange whole steps of size for the rest. So the shape of the path and the sizes
//! remain. Prices and sizes stay in the bounds that they had.
//!
//! Where the given trades are so large that the free ones cannot make up for them, they give up what they have above the smallest
//! size. What [`super::turnover`] decides can be met then.

use super::path::PathPoint;
use super::top_of_book::PricedTrade;
use super::turnover::{Steps, is_attainable};
use super::{TRADES_MAX, path};
use crate::base::{Ohlcv, OrderSizes};

/// What the trades of a bar have to add up to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Goal {
    /// How many they are.
    pub trades: usize,
    /// Shares of the first trade besides whole steps.
    pub odd: u64,
    steps: Steps,
    range: i64,
    /// The sum of price times size, in ticks above the low and in steps.
    sum: i64,
}

/// The trades on their way to the goal: prices in ticks above the low, sizes in steps.
struct Trades {
    prices: Vec<i64>,
    sizes: Vec<i64>,
    /// The places of trades whose price is free.
    free: Vec<usize>,
    least: i64,
    range: i64,
}

impl Goal {
    /// That of a bar with a volume; none where the bar has none, or one that no trades can have.
    pub fn of(bar: &Ohlcv, sizes: OrderSizes) -> Option<Self> {
        let traded = bar.traded()?;
        let (low, volume) = (bar.low().ticks(), bar.volume());
        let trades = usize::try_from(traded.trades()).ok()?;
        let needed = path::needed(bar);
        if !(needed..=TRADES_MAX).contains(&trades) {
            return None;
        }
        let steps = Steps::of(volume, sizes, trades);
        let is_roomy = trades == needed || steps.least > 0;
        // No product below is larger.
        bar.high().ticks().checked_mul(volume)?;
        let above = traded.turnover().checked_sub(low * volume)?;
        let above = above - steps.odd * (bar.open().ticks() - low);
        (is_roomy && above >= 0 && above % steps.step == 0).then(|| Self {
            trades,
            odd: steps.odd.cast_unsigned(),
            steps,
            range: bar.high().ticks() - low,
            sum: above / steps.step,
        })
    }

    /// Changes prices and sizes so that they have the turnover; false when they cannot.
    pub fn fit(&self, points: &[PathPoint], priced: &mut [PricedTrade], shares: &mut [u64]) -> bool {
        let Self { steps, range, sum, .. } = *self;
        let free = (0..points.len()).filter(|&place| matches!(points[place], PathPoint::Free(_))).collect();
        let prices = priced.iter().map(|trade| trade.price.cast_signed()).collect();
        let sizes = shares.iter().map(|&shares| shares.cast_signed() / steps.step).collect();
        let mut trades = Trades { prices, sizes, free, least: steps.least, range };
        let is_met = if range == 0 {
            sum == 0
        } else if trades.free.len() < 2 {
            trades.meet_with_one(sum)
        } else {
            trades.meet(sum)
        };
        if is_met {
            for (place, (trade, shares)) in priced.iter_mut().zip(&mut *shares).enumerate() {
                trade.price = trades.prices[place].cast_unsigned();
                *shares = (trades.sizes[place] * steps.step).cast_unsigned();
            }
            if let Some(first) = shares.first_mut() {
                *first += self.odd;
            }
        }
        is_met
    }
}

impl Trades {
    /// The sum of price times size, of free trades or of the others.
    fn sum_of(&self, is_free: bool) -> i64 {
        let value = |place: usize| self.prices[place] * self.sizes[place];
        let free: i64 = self.free.iter().map(|&place| value(place)).sum();
        if is_free { free } else { (0..self.sizes.len()).map(value).sum::<i64>() - free }
    }

    fn free_steps(&self) -> i64 {
        self.free.iter().map(|&place| self.sizes[place]).sum()
    }

    /// Meets the sum with at most one free trade: all have the smallest size, and one of them all that is left over.
    fn meet_with_one(&mut self, sum: i64) -> bool {
        let all: i64 = self.sizes.iter().sum();
        let rest = all - self.least * self.sizes.len() as i64;
        let free = self.free.first().copied();
        for carrier in 0..self.sizes.len() {
            let size = |place: usize| self.least + if place == carrier { rest } else { 0 };
            let others = (0..self.sizes.len()).filter(|&place| Some(place) != free);
            let left = sum - others.map(|place| size(place) * self.prices[place]).sum::<i64>();
            let price = match free {
                None if left == 0 => None,
                Some(free)
                    if left >= 0 && size(free) > 0 && left % size(free) == 0 && left / size(free) <= self.range =>
                {
                    Some((free, left / size(free)))
                }
                _ => continue,
            };
            self.sizes = (0..self.sizes.len()).map(size).collect();
            if let Some((free, price)) = price {
                self.prices[free] = price;
            }
            return true;
        }
        false
    }

    /// Meets the sum with two free trades or more.
    fn meet(&mut self, sum: i64) -> bool {
        let count = self.free.len() as i64;
        let is_near = |trades: &Self| {
            let goal = sum - trades.sum_of(false);
            is_attainable(goal, trades.free_steps(), trades.least, count, trades.range).then_some(goal)
        };
        let goal = is_near(self).or_else(|| {
            self.shrink_given();
            is_near(self)
        });
        let Some(goal) = goal else { return false };
        self.draw_towards(goal);
        let rest = self.move_by_a_tick(goal - self.sum_of(true));
        if rest != 0 && !self.exchange(rest) {
            self.spread_over_two_prices(goal);
        }
        true
    }

    /// Leaves the smallest size to the trades whose price is given, and the rest of theirs to the first free trade.
    fn shrink_given(&mut self) {
        let all: i64 = self.sizes.iter().sum();
        let free: i64 = self.free_steps();
        let given = (self.sizes.len() - self.free.len()) as i64;
        let (first, least) = (self.free[0], self.least);
        let mut free_places = self.free.iter().copied().peekable();
        for (place, size) in self.sizes.iter_mut().enumerate() {
            if free_places.next_if_eq(&place).is_none() {
                *size = least;
            }
        }
        self.sizes[first] += all - free - given * least;
    }

    /// Draws the free prices towards the high or the low, each by the same share of its distance, to near the goal.
    fn draw_towards(&mut self, goal: i64) {
        let (sum, most) = (self.sum_of(true), self.range * self.free_steps());
        let is_up = goal > sum;
        let share = if is_up { (goal - sum) as f64 / (most - sum) as f64 } else { goal as f64 / sum.max(1) as f64 };
        for &place in &self.free {
            let price = &mut self.prices[place];
            let moved = if is_up {
                *price + ((self.range - *price) as f64 * share + 0.5) as i64
            } else {
                (*price as f64 * share + 0.5) as i64
            };
            *price = moved.clamp(0, self.range);
        }
    }

    /// Moves single trades by one tick. Gives what is left of a distance to the goal: it is not negative, and in general less than the
    /// size of some trade that is below the high.
    fn move_by_a_tick(&mut self, distance: i64) -> i64 {
        let Self { prices, sizes, free, range, .. } = self;
        let mut rest = distance;
        for &place in &*free {
            if rest + sizes[place] <= 0 && prices[place] > 0 {
                prices[place] -= 1;
                rest += sizes[place];
            }
        }
        if let Some(&place) = free.iter().find(|&&place| rest < 0 && rest + sizes[place] > 0 && prices[place] > 0) {
            prices[place] -= 1;
            rest += sizes[place];
        }
        for &place in &*free {
            if rest >= sizes[place] && prices[place] < *range {
                prices[place] += 1;
                rest -= sizes[place];
            }
        }
        rest
    }

    /// Adds a rest to the sum by exchanging steps between two trades, which then have neighbouring prices; false when their smallest
    /// size forbids it.
    fn exchange(&mut self, rest: i64) -> bool {
        let (least, range) = (self.least.max(1), self.range);
        let has_room = |&nth: &usize| {
            let place = self.free[nth];
            self.sizes[place] > rest && self.prices[place] < range
        };
        let Some(one) = (0..self.free.len()).find(has_room).filter(|_| rest > 0) else { return false };
        // Places near by first: their prices differ least.
        let others = (1..self.free.len()).flat_map(|distance| [one.checked_sub(distance), Some(one + distance)]);
        for other in others.flatten().filter(|&other| other < self.free.len()) {
            let (one, other) = (self.free[one], self.free[other]);
            let steps = self.sizes[one] + self.sizes[other];
            let sum = self.sizes[one] * self.prices[one] + self.sizes[other] * self.prices[other] + rest;
            let (price, above) = (sum / steps, sum % steps);
            if above == 0 {
                (self.prices[one], self.prices[other]) = (price, price);
                return true;
            }
            if above >= least && steps - above >= least {
                // The larger trade stays the larger one.
                let is_larger = (self.sizes[one] > self.sizes[other]) == (2 * above > steps);
                let (higher, lower) = if is_larger { (one, other) } else { (other, one) };
                (self.prices[higher], self.sizes[higher]) = (price + 1, above);
                (self.prices[lower], self.sizes[lower]) = (price, steps - above);
                return true;
            }
        }
        false
    }

    /// Puts the free trades on two neighbouring prices, in the smallest size but for one of each. The goal must be attainable.
    fn spread_over_two_prices(&mut self, goal: i64) {
        let (steps, count, least) = (self.free_steps(), self.free.len() as i64, self.least);
        let (price, above) = (goal / steps, goal % steps);
        let higher = (above / least.max(1)).min(count - 1);
        for (nth, &place) in (0..).zip(&self.free) {
            let is_higher = nth < higher;
            let left_over = match nth {
                0 if is_higher => above - higher * least,
                _ if nth == count - 1 => steps - above - (count - higher) * least,
                _ => 0,
            };
            self.prices[place] = price + i64::from(is_higher);
            self.sizes[place] = least + left_over;
        }
    }
}
