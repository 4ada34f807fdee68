//! Moving averages and oscillators of a series of prices, as TA-Lib defines them.
//!
//! An exponential average begins with the simple average of its first window. It remembers all prices before, with weights that
//! fall with age. Here it remembers the last [`Indicator::memory`] prices and begins there: the weight of all that is older is below
//! e⁻²⁶. So a value is a function of these prices alone, and does not depend on the page on which it is shown.

/// The longest window, in bars.
pub const WINDOW_MOST: u16 = 500;
/// The weight of what an average no longer remembers is at most e to the minus this.
const FORGOTTEN: usize = 26;

/// An indicator with its windows, each from 1 to [`WINDOW_MOST`] bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indicator {
    /// Simple moving average.
    Sma { window: u16 },
    /// Exponential moving average; a price has the weight 2/(window + 1).
    Ema { window: u16 },
    /// Wilder's relative strength index, from 0 to 100; 0 where no price has changed.
    Rsi { window: u16 },
    /// The short exponential average less the long one, and the exponential average of that as signal. The short window is the
    /// shorter one.
    Macd { short: u16, long: u16, signal: u16 },
}

/// A value of an indicator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IndicatorValue {
    /// Currency units, but for the relative strength index.
    pub value: f64,
    /// The signal of [`Indicator::Macd`].
    pub signal: Option<f64>,
}

/// An exponential average with a bounded memory.
struct Average {
    window: usize,
    /// The weight of the newest price.
    newest: f64,
    /// The most prices in an average, those of its first window included.
    memory: usize,
}

impl Average {
    /// One whose newest price has the weight 2/(window + 1).
    fn exponential(window: u16) -> Self {
        let window = usize::from(window);
        // (1 − 2/(n + 1))^m is below e^(−2m/(n + 1)).
        let memory = window + (FORGOTTEN * (window + 1)).div_ceil(2);
        Self { window, newest: 2.0 / (window as f64 + 1.0), memory }
    }

    /// Wilder's, whose newest value has the weight 1/window.
    fn wilder(window: u16) -> Self {
        let window = usize::from(window);
        Self { window, newest: 1.0 / window as f64, memory: window + FORGOTTEN * window }
    }

    /// The first place of the values that the average at a place remembers.
    fn first_of(&self, at: usize) -> usize {
        (at + 1).saturating_sub(self.memory)
    }

    /// The average of values, of which the first window is its beginning.
    ///
    /// The weights are those of `average += newest · (value − average)`, written as a sum in order of age, so that additions do not wait
    /// for one another.
    fn of(&self, weights: &[f64], values: &[f64]) -> f64 {
        let (first, later) = values.split_at(self.window.min(values.len()));
        let mut sums = [0.0; 4];
        let (mut newer, mut ages) = (later.rchunks_exact(4), weights.chunks_exact(4));
        for (values, weights) in newer.by_ref().zip(ages.by_ref()) {
            for place in 0..4 {
                sums[place] += weights[place] * values[3 - place];
            }
        }
        let left = newer.remainder();
        let of_left = &weights[later.len() - left.len()..];
        let rest: f64 = left.iter().rev().zip(of_left).map(|(value, weight)| value * weight).sum();
        // What the newer weights leave of one.
        let of_first = weights[later.len()] / self.newest;
        sums.iter().sum::<f64>() + rest + of_first * mean(first)
    }

    /// The weights of values in order of age: newest · (1 − newest)^age, for all that are remembered.
    fn weights(&self) -> Vec<f64> {
        let kept = 1.0 - self.newest;
        std::iter::successors(Some(self.newest), |weight| Some(weight * kept)).take(self.memory + 1).collect()
    }

    /// The averages at the places from one on; no earlier one than that of the first window.
    fn all(&self, values: &[f64], from: usize) -> Vec<f64> {
        let weights = self.weights();
        let from = from.max(self.window - 1);
        (from..values.len()).map(|at| self.of(&weights, &values[self.first_of(at)..=at])).collect()
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

impl Indicator {
    /// The number of bars before the first one that has a value.
    #[must_use]
    pub fn lookback(self) -> usize {
        match self {
            Self::Sma { window } | Self::Ema { window } => usize::from(window) - 1,
            Self::Rsi { window } => usize::from(window),
            Self::Macd { long, signal, .. } => usize::from(long) + usize::from(signal) - 2,
        }
    }

    /// The number of bars before one on which its value depends, where there are so many.
    #[must_use]
    pub fn memory(self) -> usize {
        match self {
            Self::Sma { window } => usize::from(window) - 1,
            Self::Ema { window } => Average::exponential(window).memory,
            Self::Rsi { window } => Average::wilder(window).memory + 1,
            Self::Macd { long, signal, .. } => Average::exponential(long).memory + Average::exponential(signal).memory,
        }
    }

    /// The values at the places from one on that have one. The prices before it should be as many as [`Self::memory`], or all there are.
    #[must_use]
    pub fn values(self, prices: &[f64], from: usize) -> Vec<IndicatorValue> {
        let from = from.max(self.lookback());
        let alone = |value| IndicatorValue { value, signal: None };
        match self {
            Self::Sma { window } => {
                let average = |at| alone(mean(&prices[at + 1 - usize::from(window)..=at]));
                (from..prices.len()).map(average).collect()
            }
            Self::Ema { window } => Average::exponential(window).all(prices, from).into_iter().map(alone).collect(),
            Self::Rsi { window } => {
                let average = Average::wilder(window);
                let changes = |sign: f64| -> Vec<f64> {
                    prices.windows(2).map(|pair| (sign * (pair[1] - pair[0])).max(0.0)).collect()
                };
                // The change before a place is one earlier in its series.
                let [gains, losses] = [1.0, -1.0].map(|sign| average.all(&changes(sign), from - 1));
                let strength = |(gain, loss): (f64, f64)| match gain + loss {
                    moved if moved > 0.0 => 100.0 * gain / moved,
                    _ => 0.0,
                };
                gains.into_iter().zip(losses).map(|pair| alone(strength(pair))).collect()
            }
            Self::Macd { short, long, signal } => macd(prices, from, (short, long, signal)),
        }
    }
}

/// The short average begins with the window that ends where the first window of the long one does.
fn macd(prices: &[f64], from: usize, (short, long, signal): (u16, u16, u16)) -> Vec<IndicatorValue> {
    let [short, long, signal] = [short, long, signal].map(Average::exponential);
    let (weights, long_weights) = (short.weights(), long.weights());
    let later = long.window - short.window.min(long.window);
    let difference = |at: usize| {
        let begin = long.first_of(at);
        let begin_of_short = short.first_of(at).max(begin + later);
        short.of(&weights, &prices[begin_of_short..=at]) - long.of(&long_weights, &prices[begin..=at])
    };
    let first = (from + 1).saturating_sub(signal.memory).max(long.window - 1);
    let differences: Vec<f64> = (first..prices.len()).map(difference).collect();
    let signals = signal.all(&differences, from.saturating_sub(first));
    let shown = differences.len().saturating_sub(signals.len());
    let pairs = differences[shown..].iter().zip(signals);
    pairs.map(|(value, signal)| IndicatorValue { value: *value, signal: Some(signal) }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Prices in hundredths that go up and down.
    fn prices(count: usize, seed: u64) -> Vec<f64> {
        let mut state = seed;
        let mut price = 10_000_i64;
        let step = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            price = (price + (state >> 59).cast_signed() - 15).max(100);
            price as f64 / 100.0
        };
        (0..count).map(step).collect()
    }

    /// An exponential average of all values, from the first one on.
    fn recursion(values: &[f64], window: usize, newest: f64) -> Vec<f64> {
        let mut average = mean(&values[..window]);
        let later = values[window..].iter().map(|value| {
            average += newest * (value - average);
            average
        });
        std::iter::once(mean(&values[..window])).chain(later.collect::<Vec<_>>()).collect()
    }

    #[track_caller]
    fn are_near(found: &[f64], wanted: &[f64]) {
        assert_eq!(found.len(), wanted.len());
        for (place, (found, wanted)) in found.iter().zip(wanted).enumerate() {
            assert!((found - wanted).abs() < 1e-9 * wanted.abs().max(1.0), "{found} and {wanted} at {place}");
        }
    }

    fn values(indicator: Indicator, prices: &[f64], from: usize) -> Vec<f64> {
        indicator.values(prices, from).into_iter().map(|found| found.value).collect()
    }

    #[test]
    fn the_first_values_are_those_that_are_computed_by_hand() {
        let prices = [1.0, 2.0, 3.0, 5.0, 4.0, 8.0];
        assert_eq!(values(Indicator::Sma { window: 3 }, &prices, 0), [2.0, 10.0 / 3.0, 4.0, 17.0 / 3.0]);
        are_near(&values(Indicator::Ema { window: 3 }, &prices, 0), &[2.0, 3.5, 3.75, 5.875]);
        // Gains 1, 1, 2, 0, 4 and losses 0, 0, 0, 1, 0, smoothed by a half.
        are_near(
            &values(Indicator::Rsi { window: 2 }, &prices, 0),
            &[100.0, 100.0, 100.0 * 0.75 / 1.25, 100.0 * 2.375 / 2.625],
        );
        assert_eq!(values(Indicator::Rsi { window: 2 }, &[7.0; 4], 0), [0.0, 0.0]);
        // Averages of 2 from the second price on and of 3: 2.5, 4.1667, 4.0556, 6.6852 less 2, 3.5, 3.75, 5.875.
        let macd = Indicator::Macd { short: 2, long: 3, signal: 2 };
        let differences = [0.5, 25.0 / 6.0 - 3.5, 73.0 / 18.0 - 3.75, 361.0 / 54.0 - 5.875];
        are_near(&values(macd, &prices, 0), &differences[1..]);
        let signals: Vec<f64> = macd.values(&prices, 0).iter().filter_map(|found| found.signal).collect();
        are_near(&signals, &recursion(&differences, 2, 2.0 / 3.0));
        for indicator in [Indicator::Sma { window: 7 }, Indicator::Rsi { window: 6 }, macd] {
            assert!(indicator.values(&prices[..indicator.lookback().min(6)], 0).is_empty(), "{indicator:?}");
        }
    }

    #[test]
    fn what_is_forgotten_makes_less_than_a_billionth() {
        for (window, seed) in [(1, 1), (2, 2), (14, 3), (50, 4)] {
            let of = usize::from(window);
            let prices = prices(40 * of + 50, seed);
            let exact = recursion(&prices, of, 2.0 / (of as f64 + 1.0));
            are_near(&values(Indicator::Ema { window }, &prices, 0), &exact);
            let changes = |sign: f64| -> Vec<f64> {
                prices.windows(2).map(|pair| (sign * (pair[1] - pair[0])).max(0.0)).collect()
            };
            let [gains, losses] = [1.0, -1.0].map(|sign| recursion(&changes(sign), of, 1.0 / of as f64));
            let strength = |(gain, loss): (&f64, &f64)| match gain + loss {
                moved if moved > 0.0 => 100.0 * gain / moved,
                _ => 0.0,
            };
            let exact: Vec<f64> = gains.iter().zip(&losses).map(strength).collect();
            are_near(&values(Indicator::Rsi { window }, &prices, 0), &exact);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        #[test]
        fn a_value_depends_on_what_the_indicator_remembers_and_not_on_the_page(
            kind in 0..4, window in 1..40_u16, more in 1..40_u16, signal in 1..20_u16, count in 1..3000_usize, cut in 0..3000_usize,
        ) {
            let indicator = match kind {
                0 => Indicator::Sma { window },
                1 => Indicator::Ema { window },
                2 => Indicator::Rsi { window },
                _ => Indicator::Macd { short: window, long: window + more, signal },
            };
            let prices = prices(count, u64::from(window));
            let cut = cut.min(count);
            let all = indicator.values(&prices, 0);
            prop_assert_eq!(all.len(), count.saturating_sub(indicator.lookback()));
            let begin = cut.saturating_sub(indicator.memory());
            let page = indicator.values(&prices[begin..], cut - begin);
            prop_assert_eq!(&page[..], &all[cut.saturating_sub(indicator.lookback()).min(all.len())..]);
        }
    }
}
