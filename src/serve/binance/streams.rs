//! Names of streams: `aapl@kline_1m`, `aapl@kline_1d@+08:00`, `aapl@trade`.

use super::parameters::{interval, zone};
use klined_market::base::Interval;

/// The zone that a kline stream may name: the exchange's own.
const ZONE_MINUTES: i32 = 480;

/// The events of a symbol that a stream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamKind {
    Kline(Interval),
    Trade,
}

/// A stream by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamName<'n> {
    /// As the client writes it.
    pub ticker: &'n str,
    pub kind: StreamKind,
}

impl<'n> StreamName<'n> {
    /// None where the name is of no stream that there is.
    pub fn parse(name: &'n str) -> Option<Self> {
        let (ticker, what) = name.split_once('@')?;
        if ticker.parse::<klined_market::base::Symbol>().is_err() {
            return None;
        }
        let kind = match what.strip_prefix("kline_") {
            Some(what) => {
                let (name, offset) = what.split_once('@').map_or((what, None), |(name, offset)| (name, Some(offset)));
                if offset.is_some_and(|offset| zone(offset) != Some(ZONE_MINUTES)) {
                    return None;
                }
                StreamKind::Kline(interval(name)?)
            }
            None if what == "trade" => StreamKind::Trade,
            None => return None,
        };
        Some(Self { ticker, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_binance() {
        let kind = |name| StreamName::parse(name).map(|stream| (stream.ticker, stream.kind));
        assert_eq!(kind("aapl@kline_1m"), Some(("aapl", StreamKind::Kline(Interval::Minute1))));
        assert_eq!(kind("brk.b@kline_1M"), Some(("brk.b", StreamKind::Kline(Interval::Month))));
        assert_eq!(kind("AAPL@kline_2h@+08:00"), Some(("AAPL", StreamKind::Kline(Interval::Minute120))));
        assert_eq!(kind("v@trade"), Some(("v", StreamKind::Trade)));
        for name in
            ["", "aapl", "@kline_1m", "aapl@kline_60m", "aapl@kline_3m", "aapl@depth", "a b@trade", "v@kline_1d@+09:00"]
        {
            assert_eq!(kind(name), None, "{name}");
        }
    }
}
