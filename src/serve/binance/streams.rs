//! Names of streams: `aapl@kline_1m`, `aapl@kline_1d@+08:00`, `aapl@trade`, `aapl@ticker`, `aapl@depth5@100ms`.

use super::parameters::{interval, zone};
use klined_market::base::Timeframe;

/// The zone that a kline stream may name: the exchange's own.
const ZONE_MINUTES: i32 = 480;

/// The events of a symbol that a stream has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamKind {
    Kline(Timeframe),
    Trade,
    AggregateTrade,
    BookTicker,
    /// The figures of the trading day, without quotes.
    MiniTicker,
    Ticker,
    /// The book, which has one level as far as it is known.
    Depth,
}

/// Streams of all stocks, each with the figures that have changed since the last second.
const OF_ALL: [(&str, StreamKind); 2] =
    [("!miniTicker@arr", StreamKind::MiniTicker), ("!ticker@arr", StreamKind::Ticker)];

/// The kind of events of a stream of all stocks; none where the name is of another stream.
pub fn of_all(name: &str) -> Option<StreamKind> {
    OF_ALL.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
}

/// The streams besides klines.
const PLAIN: [(&str, StreamKind); 14] = [
    ("trade", StreamKind::Trade),
    ("aggTrade", StreamKind::AggregateTrade),
    ("bookTicker", StreamKind::BookTicker),
    ("miniTicker", StreamKind::MiniTicker),
    ("ticker", StreamKind::Ticker),
    ("depth5", StreamKind::Depth),
    ("depth5@100ms", StreamKind::Depth),
    ("depth5@1000ms", StreamKind::Depth),
    ("depth10", StreamKind::Depth),
    ("depth10@100ms", StreamKind::Depth),
    ("depth10@1000ms", StreamKind::Depth),
    ("depth20", StreamKind::Depth),
    ("depth20@100ms", StreamKind::Depth),
    ("depth20@1000ms", StreamKind::Depth),
];

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
            None => PLAIN.iter().find(|(name, _)| *name == what)?.1,
        };
        Some(Self { ticker, kind })
    }
}

/// The names of a path or of `streams=`, which slashes separate. A ticker may hold slashes too, so a part without `@` belongs to the
/// name that ends with the next part that has one. Where none follows, it is a name of its own.
pub fn split(names: &str) -> Vec<String> {
    let (mut found, mut begun) = (Vec::new(), Vec::new());
    for part in names.split('/') {
        begun.push(part);
        if part.contains('@') {
            found.push(std::mem::take(&mut begun).join("/"));
        }
    }
    found.extend(begun.into_iter().filter(|part| !part.is_empty()).map(str::to_owned));
    found.into_iter().map(|name| name.trim_start_matches('/').to_owned()).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use klined_market::base::Interval;

    proptest! {
        #[test]
        fn a_list_of_streams_is_read_as_its_names(
            tickers in prop::collection::vec("[A-Za-z0-9._^=:-][A-Za-z0-9._^=:/-]{0,19}", 0..5),
        ) {
            let names: Vec<String> = tickers.iter().map(|ticker| format!("{ticker}@kline_1d@+08:00")).collect();
            prop_assert_eq!(split(&names.join("/")), names.clone());
            for (name, ticker) in names.iter().zip(&tickers) {
                prop_assert_eq!(StreamName::parse(name).map(|stream| stream.ticker), Some(ticker.as_str()));
            }
        }
    }

    #[test]
    fn names_that_are_none_are_names_all_the_same() {
        assert_eq!(split("0"), ["0"]);
        assert_eq!(split("/aapl@trade//v@trade/0/1"), ["aapl@trade", "v@trade", "0", "1"]);
        assert_eq!(split("btc/usd@trade/a/b/c@trade"), ["btc/usd@trade", "a/b/c@trade"]);
        assert!(split("").is_empty() && split("//").is_empty());
    }

    #[test]
    fn names_are_those_of_binance() {
        let kind = |name| StreamName::parse(name).map(|stream| (stream.ticker, stream.kind));
        assert_eq!(kind("aapl@kline_1m"), Some(("aapl", StreamKind::Kline(Interval::Minute1.into()))));
        assert_eq!(kind("brk.b@kline_1M"), Some(("brk.b", StreamKind::Kline(Interval::Month.into()))));
        assert_eq!(kind("AAPL@kline_2h@+08:00"), Some(("AAPL", StreamKind::Kline(Interval::Minute120.into()))));
        assert_eq!(kind("v@trade"), Some(("v", StreamKind::Trade)));
        assert_eq!(kind("v@depth10@100ms"), Some(("v", StreamKind::Depth)));
        assert_eq!(kind("vusdt@aggTrade"), Some(("vusdt", StreamKind::AggregateTrade)));
        assert_eq!([of_all("!ticker@arr"), of_all("aapl@ticker")], [Some(StreamKind::Ticker), None]);
        for name in [
            "",
            "aapl",
            "@kline_1m",
            "aapl@kline_60m",
            "aapl@kline_10m",
            "aapl@depth",
            "a b@trade",
            "v@kline_1d@+09:00",
        ] {
            assert_eq!(kind(name), None, "{name}");
        }
    }
}
