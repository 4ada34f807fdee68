//! What traders know of real order books, measured on logs: tails and clusters of moves, signs and sizes of trades, the day's shape, and how securities
//! move together.
//!
//! A trade is a run of executions of one type at one time. Moves are differences of the middle of the best prices, in ticks.

use std::io::{Read, Seek};

use crate::event::{Event, EventType, Side};
use crate::log::{LogError, LogReader};
use crate::units::NANOS_PER_SECOND;

/// A session of a security as the measures need it.
#[derive(Debug, Clone, Default)]
pub struct Series {
    /// The middle at the end of each second, in half ticks.
    middles: Vec<f64>,
    /// Of trades: 1 where a buyer takes, -1 where a seller does; and how many units.
    signs: Vec<f64>,
    sizes: Vec<f64>,
    /// Events of each minute.
    minutes: Vec<f64>,
    /// Nanoseconds with a spread of one tick, and in all.
    narrow_ns: u64,
    length_ns: u64,
}

impl Series {
    /// Reads a log.
    ///
    /// # Errors
    /// [`LogError`] where it is damaged, or an event does not fit the book.
    pub fn of<F: Read + Seek>(log: &mut LogReader<F>) -> Result<Self, LogError> {
        let session = log.header().session;
        let (mut book, mut series) = (session.open_book(), Self::default());
        let (open_ns, mut last_ns, mut trade) = (session.market_open_ns, session.market_open_ns, None);
        let close_ns = open_ns + u64::from(session.session_seconds) * NANOS_PER_SECOND;
        let middle =
            |book: &crate::book::Book| f64::from(book.best_ticks(Side::Bid)) + f64::from(book.best_ticks(Side::Ask));
        log.for_each_chunk(|events| {
            for event in events {
                let Event { ts_ns, event_type, order_id, .. } = *event;
                let second = (ts_ns.saturating_sub(open_ns) / NANOS_PER_SECOND) as usize;
                if series.middles.len() < second {
                    series.middles.resize(second, middle(&book));
                }
                if book.spread_ticks() == 1 {
                    series.narrow_ns += ts_ns - last_ns;
                }
                last_ns = ts_ns;
                series.minutes.resize(second / 60 + 1, 0.0);
                series.minutes[second / 60] += 1.0;
                if event_type.is_execution() {
                    if trade == Some((ts_ns, event_type)) {
                        series.sizes.last_mut().into_iter().for_each(|size| *size += 1.0);
                    } else {
                        series.signs.push(if event_type == EventType::ExecuteBuy { 1.0 } else { -1.0 });
                        series.sizes.push(1.0);
                    }
                    trade = Some((ts_ns, event_type));
                }
                book.apply(event).map_err(|_| LogError::Order { order_id })?;
            }
            Ok::<(), LogError>(())
        })?;
        series.middles.resize(session.session_seconds as usize, middle(&book));
        series.length_ns = close_ns - open_ns;
        Ok(series)
    }

    /// Moves over so many seconds.
    fn moves(&self, seconds: usize) -> Vec<f64> {
        let points: Vec<f64> = self.middles.iter().skip(seconds - 1).step_by(seconds).copied().collect();
        points.windows(2).map(|pair| (pair[1] - pair[0]) / 2.0).collect()
    }
}

/// A measure.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    pub name: &'static str,
    /// Nothing where the logs are too few for it.
    pub value: Option<f64>,
    /// Where it should be.
    pub least: f64,
    pub most: f64,
    /// What is known of real markets.
    pub literature: &'static str,
}

impl Measure {
    /// Whether the value is where it should be.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.value.is_some_and(|value| (self.least..=self.most).contains(&value))
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

fn excess_kurtosis(values: &[f64]) -> f64 {
    let mean = mean(values);
    let moment = |power: i32| values.iter().map(|value| (value - mean).powi(power)).sum::<f64>() / values.len() as f64;
    moment(4) / (moment(2) * moment(2)) - 3.0
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let sum = |x: &mut dyn Iterator<Item = f64>| x.sum::<f64>();
    let both = sum(&mut a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)));
    let (of_a, of_b) =
        (sum(&mut a.iter().map(|a| (a - mean_a).powi(2))), sum(&mut b.iter().map(|b| (b - mean_b).powi(2))));
    both / (of_a * of_b).sqrt()
}

fn autocorrelation(values: &[f64], lag: usize) -> f64 {
    if values.len() > lag { correlation(&values[lag..], &values[..values.len() - lag]) } else { f64::NAN }
}

fn absolute(values: &[f64]) -> Vec<f64> {
    values.iter().map(|value| value.abs()).collect()
}

/// The mean over all sessions of what a function says of each.
fn over(sessions: &[Vec<Series>], of: impl Fn(&Series) -> f64) -> Option<f64> {
    let values: Vec<f64> = sessions.iter().flatten().map(of).filter(|value| value.is_finite()).collect();
    (!values.is_empty()).then(|| mean(&values))
}

/// Measures sessions: by day, those of all securities.
///
/// Bands are for a day of three securities. They are about four standard deviations to each side of the mean that `qr-2` has over 22 seeds, of the
/// logarithm where the spread is skewed (kurtoses and the day's shape), and end where models without the fact begin. For autocorrelations of moves
/// and for the spread, which all models have right, they are what real markets have, widened to `qr-2`'s own values.
#[must_use]
pub fn measure(sessions: &[Vec<Series>]) -> Vec<Measure> {
    let pairs = sessions.iter().flat_map(|day| {
        let moves: Vec<Vec<f64>> = day.iter().map(|series| series.moves(60)).collect();
        let pair = |a: usize, b: usize| correlation(&moves[a], &moves[b]);
        (0..day.len()).flat_map(|b| (0..b).map(|a| pair(a, b)).collect::<Vec<_>>()).collect::<Vec<_>>()
    });
    let pairs: Vec<f64> = pairs.filter(|value| value.is_finite()).collect();
    let shape = |series: &Series| {
        let part = series.minutes.len() / 13;
        if part == 0 {
            return f64::NAN;
        }
        let (start, end) = (&series.minutes[..part], &series.minutes[series.minutes.len() - part..]);
        let noon = &series.minutes[6 * part..7 * part];
        (mean(start) + mean(end)) / (2.0 * mean(noon))
    };
    let lags = |values: Vec<f64>, lags: std::ops::RangeInclusive<usize>| {
        mean(&lags.map(|lag| autocorrelation(&values, lag)).collect::<Vec<_>>())
    };
    // Hill's estimate on sizes of 5 and more, by a continuity correction of half a unit.
    let tail = |series: &Series| {
        let logs: Vec<f64> = series.sizes.iter().filter(|size| **size >= 5.0).map(|size| (size / 4.5).ln()).collect();
        1.0 / mean(&logs)
    };
    let measure = |name, value, least, most, literature| Measure { name, value, least, most, literature };
    vec![
        measure(
            "excess kurtosis of moves of 1 s",
            over(sessions, |s| excess_kurtosis(&s.moves(1))),
            4.0,
            17.0,
            "5 to 50 (Cont, 2001: tails grow as the interval shrinks)",
        ),
        measure(
            "excess kurtosis of moves of 1 min",
            over(sessions, |s| excess_kurtosis(&s.moves(60))),
            1.0,
            30.0,
            "3 to 20 (Cont, 2001)",
        ),
        measure(
            "autocorrelation of moves of 1 s, lag 1",
            over(sessions, |s| autocorrelation(&s.moves(1), 1)),
            -0.2,
            0.14,
            "-0.2 to 0 (bid-ask bounce)",
        ),
        measure(
            "autocorrelation of moves of 1 min, lag 1",
            over(sessions, |s| autocorrelation(&s.moves(60), 1)),
            -0.15,
            0.15,
            "about 0 (Cont, 2001)",
        ),
        measure(
            "autocorrelation of absolute moves of 1 s, lags 1 to 10",
            over(sessions, |s| lags(absolute(&s.moves(1)), 1..=10)),
            0.1,
            0.3,
            "0.1 to 0.4, slow decay",
        ),
        measure(
            "autocorrelation of absolute moves of 1 min, lags 1 to 5",
            over(sessions, |s| lags(absolute(&s.moves(60)), 1..=5)),
            0.07,
            0.32,
            "0.1 to 0.4, slow decay",
        ),
        measure(
            "autocorrelation of signs of trades, lag 1",
            over(sessions, |s| autocorrelation(&s.signs, 1)),
            0.24,
            0.27,
            "0.2 to 0.6 (Lillo and Farmer, 2004)",
        ),
        measure(
            "autocorrelation of signs of trades, lag 50",
            over(sessions, |s| autocorrelation(&s.signs, 50)),
            0.055,
            0.135,
            "0.05 to 0.1 (Lillo and Farmer, 2004)",
        ),
        measure("mean size of trades, units", over(sessions, |s| mean(&s.sizes)), 1.8, 1.86, "above 1"),
        measure(
            "exponent of the tail of sizes",
            over(sessions, tail),
            1.65,
            1.74,
            "1.5 to 2 (Gopikrishnan et al., 2000)",
        ),
        measure(
            "events at open and close over those at noon",
            over(sessions, shape),
            1.4,
            8.0,
            "2 to 4 (U-shaped day)",
        ),
        measure(
            "correlation of moves of 1 min between securities",
            (!pairs.is_empty()).then(|| mean(&pairs)),
            0.14,
            0.47,
            "0.2 to 0.4 for stocks of a market",
        ),
        measure(
            "share of time with a spread of one tick",
            over(sessions, |s| s.narrow_ns as f64 / s.length_ns as f64),
            0.5,
            0.95,
            "0.5 to 0.95 for large ticks",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_mt::Mt64;

    /// A session whose moves, a second each, follow the last one by `memory`, with a narrow spread for a part of the time.
    fn session(memory: f64, narrow_ns: u64) -> Series {
        let (mut middle, mut last, mut random) = (20_000.0, 0.0, Mt64::new(1));
        let middles = (0..23_400).map(|_| {
            last = memory * last + random.next_u64() as f64 / 2f64.powi(63) - 1.0;
            middle += last;
            middle
        });
        Series { middles: middles.collect(), narrow_ns, length_ns: 100, ..Series::default() }
    }

    /// Whether the measures whose names have this part are in their bands.
    fn is_good(series: Series, part_of_name: &str) -> bool {
        let measures = measure(&[vec![series]]);
        let mut found = measures.iter().filter(|measure| measure.name.contains(part_of_name));
        found.all(Measure::is_good)
    }

    #[test]
    fn moves_that_follow_or_undo_one_another_and_spreads_of_no_market_are_outside() {
        for interval in ["autocorrelation of moves of 1 s", "autocorrelation of moves of 1 min"] {
            assert!(is_good(session(0.0, 60), interval), "{interval}");
        }
        for memory in [0.3, -0.4] {
            assert!(!is_good(session(memory, 60), "autocorrelation of moves of 1 s"), "{memory}");
        }
        assert!(!is_good(session(0.98, 60), "autocorrelation of moves of 1 min"));
        for (narrow_ns, expected) in [(60, true), (40, false), (100, false)] {
            assert_eq!(is_good(session(0.0, narrow_ns), "share of time"), expected, "{narrow_ns} %");
        }
    }
}
