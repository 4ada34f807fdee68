//! Windows of time that end now, such as `15m`, `4h` and `7d`, and the figures of bars in them.

use crate::store::StoredBar;
use klined_market::base::{Seconds, Traded};

/// A window of whole minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    minutes: u16,
}

impl Window {
    /// `1m` to `59m`, `1h` to `23h` and `1d` to `7d`.
    pub fn parse(text: &str) -> Option<Self> {
        let unit = text.len().checked_sub(1).filter(|at| text.is_char_boundary(*at))?;
        let (count, unit) = text.split_at(unit);
        let (most, minutes) = match unit {
            "m" => (59, 1),
            "h" => (23, 60),
            "d" => (7, 24 * 60),
            _ => return None,
        };
        let is_plain = count.bytes().all(|byte| byte.is_ascii_digit());
        let count: u16 = count.parse().ok().filter(|count| is_plain && (1..=most).contains(count))?;
        Some(Self { minutes: count * minutes })
    }

    /// Its length in minutes.
    pub fn minutes(self) -> usize {
        usize::from(self.minutes)
    }

    /// Its length.
    pub fn span(self) -> Seconds {
        Seconds::minutes(i64::from(self.minutes))
    }
}

/// Prices in currency units and volume in shares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WindowFigures {
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: i64,
    /// None where they are not known of every bar.
    pub traded: Option<Traded>,
}

impl WindowFigures {
    /// The figures of bars in order; those of nothing at a price where there is no bar.
    pub fn of(bars: &[StoredBar], price: f64) -> Self {
        let mut priced = bars.iter().filter(|bar| bar.is_priced());
        let Some(first) = priced.next() else {
            return Self {
                open: price,
                high: price,
                low: price,
                close: price,
                volume: 0,
                traded: Some(Traded::NOTHING),
            };
        };
        let begin = Self {
            open: first.open,
            high: first.high,
            low: first.low,
            close: first.close,
            volume: first.volume,
            traded: first.traded(),
        };
        priced.fold(begin, |sum, bar| Self {
            high: sum.high.max(bar.high),
            low: sum.low.min(bar.low),
            close: bar.close,
            volume: sum.volume.saturating_add(bar.volume),
            traded: sum.traded.zip(bar.traded()).and_then(|(traded, more)| traded.plus(more)),
            ..sum
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_binances() {
        for (text, minutes) in [("1m", 1), ("59m", 59), ("1h", 60), ("23h", 1380), ("7d", 10_080)] {
            assert_eq!(Window::parse(text).map(Window::minutes), Some(minutes), "{text}");
        }
        for text in ["", "m", "0m", "60m", "24h", "8d", "1w", "+1m", "1 m", "1µ", "65536m"] {
            assert_eq!(Window::parse(text), None, "{text}");
        }
    }
}
