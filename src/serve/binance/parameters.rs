//! The parameters of this dialect: symbols, intervals and times, and the refusals of wrong ones.

use std::borrow::Cow;

use chrono::NaiveDate;

use super::answers::BinanceError;
use super::pairs::{NamedRow, Pairs};
use crate::serve::kit::parameters::{QueryMap, RouteError};
use klined_market::base::{Nanos, Seconds, TimeUnit, Timeframe, UnixNanos, UnixSeconds};
use klined_market::calendar::Hours;

const LEGAL_NUMBER: &str = "^[0-9]{1,20}$";
const LEGAL_SYMBOL: &str = "^[A-Za-z0-9-_.^=:/]{1,20}$";
const LEGAL_SYMBOLS: &str = "^\\[\"[A-Za-z0-9-_.^=:/]{1,20}\"(,\"[A-Za-z0-9-_.^=:/]{1,20}\"){0,}\\]$";
/// From here on a time is in microseconds: the year 5138 in milliseconds.
const MICROS_FROM: u64 = 100_000_000_000_000;
const MILLIS_PER_SECOND: u64 = Nanos::MILLISECOND.per_second().cast_unsigned();
const MICROS_PER_MILLI: u64 = Nanos::MICROSECOND.per_second().cast_unsigned() / MILLIS_PER_SECOND;
const MINUTES_PER_HOUR: i32 = 60;
const MINUTES_PER_DAY: i64 = 24 * 60;
/// Zones have these minutes ahead of UTC.
const ZONES: std::ops::RangeInclusive<i32> = -12 * MINUTES_PER_HOUR..=14 * MINUTES_PER_HOUR;
/// Days in the two halves of a year, in which the clocks of a market may show different times.
const SEASONS: [NaiveDate; 2] =
    [NaiveDate::from_ymd_opt(2026, 1, 15).unwrap(), NaiveDate::from_ymd_opt(2026, 7, 15).unwrap()];

/// The query string's parameters.
pub type BinanceQuery = QueryMap<BinanceError>;

/// Every name that a query string may have.
pub const KNOWN: [&str; 18] = [
    "symbol",
    "symbols",
    "interval",
    "startTime",
    "endTime",
    "timeZone",
    "limit",
    "fromId",
    "windowSize",
    "type",
    "permissions",
    "showPermissionSets",
    "streams",
    "timeUnit",
    "recvWindow",
    "timestamp",
    "signature",
    "symbolStatus",
];

const KLINES: &[&str] = &["symbol", "interval", "startTime", "endTime", "timeZone", "limit"];
/// The names that each route over REST takes. Permissions change nothing: all symbols have the same.
const OF_ROUTE: [(&str, &[&str]); 16] = [
    ("ping", &[]),
    ("time", &[]),
    ("exchangeInfo", &["symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"]),
    ("klines", KLINES),
    ("uiKlines", KLINES),
    ("depth", &["symbol", "limit"]),
    ("trades", &["symbol", "limit"]),
    ("historicalTrades", &["symbol", "limit", "fromId"]),
    ("aggTrades", &["symbol", "fromId", "startTime", "endTime", "limit"]),
    ("avgPrice", &["symbol"]),
    ("ticker", &["symbol", "symbols", "windowSize", "type"]),
    ("ticker/tradingDay", &["symbol", "symbols", "timeZone", "type"]),
    ("ticker/price", &["symbol", "symbols"]),
    ("ticker/bookTicker", &["symbol", "symbols"]),
    ("ticker/24hr", &["symbol", "symbols", "type"]),
    ("asset/tradeFee", &["symbol", "recvWindow", "timestamp", "signature"]),
];
/// What routes begin with.
const ROOTS: [&str; 2] = ["/api/v3/", "/sapi/v1/"];

impl RouteError for BinanceError {
    const KNOWN: &'static [&'static str] = &KNOWN;

    /// A stream's route passes over what it does not know, as at Binance.
    fn check(path: &str, names: &[Cow<'_, str>]) -> Result<(), Self> {
        let of = |route: &str| OF_ROUTE.iter().find(|(name, _)| *name == route).map(|(_, known)| *known);
        let route = ROOTS.iter().find_map(|root| path.split_once(root));
        let Some(known) = route.and_then(|(_, route)| of(route)) else { return Ok(()) };
        let read = names.iter().filter(|name| known.contains(&&***name)).count();
        match names.len() {
            sent if sent == read => Ok(()),
            sent if known.is_empty() => Err(Self::TooManyParameters { sent }),
            sent => Err(Self::Unread { read, sent }),
        }
    }
}

impl BinanceQuery {
    /// A whole number.
    pub fn number(&self, name: &'static str) -> Result<Option<u64>, BinanceError> {
        self.get(name).map(|text| text.parse().map_err(|_| BinanceError::Illegal(name, LEGAL_NUMBER))).transpose()
    }

    /// How many entries, of those that an answer may have. A larger number is taken as the most, as at Binance.
    pub fn limit(&self, usual: u16, most: u16) -> Result<u16, BinanceError> {
        match self.number("limit")? {
            None => Ok(usual),
            Some(0) => Err(BinanceError::NotValid("limit")),
            Some(limit) => Ok(u16::try_from(limit).unwrap_or(most).min(most)),
        }
    }

    /// The symbol, in any case.
    pub fn symbol<'b>(&self, prices: &'b Pairs) -> Result<NamedRow<'b>, BinanceError> {
        find(prices, self.get("symbol").ok_or(BinanceError::Missing("symbol"))?)
    }

    /// The rows of `symbol` or of `symbols`, a JSON list; none where neither is given.
    pub fn symbols<'b>(&self, prices: &'b Pairs) -> Result<Option<Vec<NamedRow<'b>>>, BinanceError> {
        match (self.get("symbol"), self.get("symbols")) {
            (Some(_), Some(_)) => Err(BinanceError::Combination),
            (Some(symbol), None) => Ok(Some(vec![find(prices, symbol)?])),
            (None, Some(list)) => {
                let wrong = |_| BinanceError::Illegal("symbols", LEGAL_SYMBOLS);
                let names: Vec<String> = serde_json::from_str(list).map_err(wrong)?;
                names.iter().map(|name| find(prices, name)).collect::<Result<_, _>>().map(Some)
            }
            (None, None) => Ok(None),
        }
    }

    /// The rows of [`Self::symbols`], or all of them under their tickers.
    pub fn symbols_or_all<'b>(&self, prices: &'b Pairs) -> Result<Vec<NamedRow<'b>>, BinanceError> {
        Ok(self.symbols(prices)?.unwrap_or_else(|| prices.rows.iter().map(|row| prices.plain(row)).collect()))
    }

    /// Whether figures are asked for without those that `type=MINI` leaves out.
    pub fn is_mini(&self) -> Result<bool, BinanceError> {
        match self.get("type") {
            None | Some("FULL") => Ok(false),
            Some("MINI") => Ok(true),
            Some(_) => Err(BinanceError::NotValid("type")),
        }
    }

    /// The interval.
    pub fn interval(&self) -> Result<Timeframe, BinanceError> {
        interval(self.get("interval").ok_or(BinanceError::Missing("interval"))?).ok_or(BinanceError::Interval)
    }

    /// The zone in which days begin. The bars are those of the market's days, so a zone must have them whole. UTC is taken in any case.
    pub fn check_zone(&self, hours: Hours) -> Result<(), BinanceError> {
        match self.get("timeZone").map(zone) {
            None | Some(Some(0)) => Ok(()),
            Some(Some(minutes)) if ZONES.contains(&minutes) && has_days_whole(hours, minutes) => Ok(()),
            Some(_) => Err(BinanceError::NotValid("timeZone")),
        }
    }

    /// A time in milliseconds, or in microseconds where it is that large, as milliseconds.
    fn millis(&self, name: &'static str) -> Result<Option<u64>, BinanceError> {
        let number = self.number(name)?;
        Ok(number.map(|number| if number >= MICROS_FROM { number / MICROS_PER_MILLI } else { number }))
    }

    /// The first and the last instant of trades.
    pub fn instants(&self) -> Result<(Option<UnixNanos>, Option<UnixNanos>), BinanceError> {
        let nanos = |millis: u64| {
            let count = i64::try_from(millis).ok();
            count.and_then(|count| UnixNanos::checked_from(count, Nanos::MILLISECOND)).unwrap_or(UnixNanos::MAX)
        };
        let end = self.millis("endTime")?.map(|end| nanos(end.saturating_add(1)).previous());
        Ok((self.millis("startTime")?.map(nanos), end))
    }

    /// The first and the last second that a bar may start at.
    pub fn range(&self) -> Result<(Option<UnixSeconds>, Option<UnixSeconds>), BinanceError> {
        let seconds = |count: u64| i64::try_from(count).map_or(UnixSeconds::MAX, UnixSeconds::new);
        let start = self.millis("startTime")?.map(|millis| seconds(millis.div_ceil(MILLIS_PER_SECOND)));
        Ok((start, self.millis("endTime")?.map(|millis| seconds(millis / MILLIS_PER_SECOND))))
    }
}

#[cfg(test)]
impl BinanceQuery {
    /// Reads every parameter.
    pub fn all(&self) {
        let prices = Pairs::default();
        let _ = (self.limit(500, 1000), self.symbol(&prices).is_ok(), self.symbols(&prices).is_ok(), self.interval());
        let _ = (self.range(), self.instants(), self.check_zone(Hours::default()), self.is_mini());
    }
}

fn find<'b>(prices: &'b Pairs, ticker: &str) -> Result<NamedRow<'b>, BinanceError> {
    if ticker.parse::<klined_market::base::Symbol>().is_err() {
        return Err(BinanceError::Illegal("symbol", LEGAL_SYMBOL));
    }
    prices.find_named(ticker).ok_or(BinanceError::Symbol)
}

/// Binance's names of its intervals, shortest first, with what each counts. There are no seconds.
const INTERVALS: [(&str, TimeUnit, u32); 15] = [
    ("1m", TimeUnit::Minute, 1),
    ("3m", TimeUnit::Minute, 3),
    ("5m", TimeUnit::Minute, 5),
    ("15m", TimeUnit::Minute, 15),
    ("30m", TimeUnit::Minute, 30),
    ("1h", TimeUnit::Minute, 60),
    ("2h", TimeUnit::Minute, 120),
    ("4h", TimeUnit::Minute, 240),
    ("6h", TimeUnit::Minute, 360),
    ("8h", TimeUnit::Minute, 480),
    ("12h", TimeUnit::Minute, 720),
    ("1d", TimeUnit::Day, 1),
    ("3d", TimeUnit::Day, 3),
    ("1w", TimeUnit::Week, 1),
    ("1M", TimeUnit::Month, 1),
];

/// Every interval of Binance's.
pub fn intervals() -> impl Iterator<Item = (&'static str, Timeframe)> {
    INTERVALS.into_iter().filter_map(|(name, unit, count)| Some((name, Timeframe::new(unit, count)?)))
}

/// An interval by Binance's name.
pub fn interval(name: &str) -> Option<Timeframe> {
    intervals().find(|(known, _)| *known == name).map(|(_, interval)| interval)
}

/// Binance's name of an interval.
pub fn interval_name(interval: Timeframe) -> &'static str {
    intervals().find(|(_, known)| *known == interval).map_or("", |(name, _)| name)
}

/// Whether each day of the market lies within the same date of a zone so many minutes ahead of UTC.
fn has_days_whole(hours: Hours, ahead: i32) -> bool {
    let sessions = hours.sessions_by_clock();
    let (Some((opens, _)), Some((_, closes))) = (sessions.first(), sessions.last()) else { return false };
    let lasts = (*closes - *opens).num_minutes();
    let (lasts, of_day) = (if lasts <= 0 { lasts + MINUTES_PER_DAY } else { lasts }, MINUTES_PER_DAY);
    SEASONS.into_iter().all(|day| {
        let Ok(opens_at) = hours.instant_of(day.and_time(*opens)) else { return false };
        let begins = (opens_at - UnixSeconds::EPOCH) / Seconds::MINUTE + i64::from(ahead);
        let date = (day - NaiveDate::default()).num_days();
        begins.div_euclid(of_day) == date && begins.rem_euclid(of_day) + lasts <= of_day
    })
}

/// Minutes that a zone such as `8`, `-1:30` or `+08:00` is ahead of UTC.
pub fn zone(text: &str) -> Option<i32> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text).trim_start()),
    };
    let (hours, minutes) = rest.split_once(':').unwrap_or((rest, "0"));
    let number = |text: &str, most: i32| {
        let is_short = (1..=2).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i32>().ok().filter(|number| is_short && *number <= most)
    };
    Some(sign * (number(hours, 14)? * MINUTES_PER_HOUR + number(minutes, 59)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_binances() {
        for (name, timeframe) in intervals() {
            assert_eq!((interval(name), interval_name(timeframe)), (Some(timeframe), name));
        }
        assert_eq!(intervals().count(), INTERVALS.len());
        for name in ["60m", "120m", "10m", "3h", "1s", "1D", "2d", ""] {
            assert_eq!(interval(name), None, "{name}");
        }
    }

    #[test]
    fn a_zone_has_to_have_the_days_of_the_market_whole() {
        let taken = |hours| ZONES.filter(|&ahead| has_days_whole(hours, ahead)).collect::<Vec<_>>();
        assert_eq!(taken(Hours::Sse), (-90..=840).collect::<Vec<_>>());
        // 13:30 to 20:00 UTC in summer, 14:30 to 21:00 in winter.
        assert_eq!(taken(Hours::Nyse), (-720..=180).collect::<Vec<_>>());
        assert_eq!(taken(Hours::AroundTheClock), [0]);
        // The clocks are changed between the two seasons.
        assert_eq!(taken(Hours::Fx), [0; 0]);
    }

    #[test]
    fn zones_are_read_as_binance_writes_them() {
        for (text, minutes) in [("0", 0), ("8", 480), ("+08:00", 480), (" 08:00", 480), ("-1:30", -90), ("5:45", 345)] {
            assert_eq!(zone(text), Some(minutes), "{text}");
        }
        for text in ["", "x", "15", "8:60", "--1", "08:00:00", "1.5"] {
            assert_eq!(zone(text), None, "{text}");
        }
    }
}
