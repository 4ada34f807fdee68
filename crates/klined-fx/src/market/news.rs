//! What is rare: news that moves a currency, and dry spells in which a pair's book is thin.
//!
//! News comes at the usual hours of releases, moves the price within seconds, widens spreads, thins books and leaves
//! the market lively for minutes. A dry spell widens one pair's spread for less than two minutes and moves nothing.

use klined_market::model::math::{exp, ln};
use rand_core::Rng;

use crate::base::currency::{Currency, DOLLAR_NEWS_PER_DAY, correlation, leg_facts};
use crate::base::normal_draws::uniform;
use crate::base::{DAY_SECONDS, FxDay, LEGS, Pair, Part, Streams};

/// A surprise, or a release at its usual hour.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct News {
    pub currency: Currency,
    /// Seconds since the day's start.
    pub at: f64,
    /// How far it moves the currency, in standard deviations of a day; the sign is that of the currency's value.
    pub size: f64,
    /// Seconds for which prices carry the reason.
    pub lasts: f64,
}

/// A pair's thin book for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DrySpell {
    /// Seconds since the day's start.
    pub from: f64,
    pub until: f64,
    /// Natural logarithm of how much wider the spread is.
    pub log_strain: f64,
}

/// Least size of news and mean of what exceeds it, in standard deviations of a day.
const SIZE: (f64, f64) = (0.08, 0.16);
/// Mean square of a news' size.
const SIZE_SQUARE_MEAN: f64 = SIZE.0 * SIZE.0 + 2.0 * SIZE.0 * SIZE.1 + 2.0 * SIZE.1 * SIZE.1;
/// Dry spells of a pair in a day, on average.
const DRY_SPELLS_PER_DAY: f64 = 1.5;
/// Surprises of a currency in a day, on average.
const SURPRISES_PER_DAY: f64 = 0.02;
/// Seconds in which nearly all of the move is made, and its time constant.
const MOVE_SECONDS: f64 = 20.0;
const MOVE_TAU_SECONDS: f64 = 2.5;

/// The hours after 17:00 in New York at which a currency's figures are released.
fn release_hours(currency: Currency) -> &'static [f64] {
    match currency {
        Currency::Usd => &[15.5, 15.5, 17.0, 21.0],
        Currency::Cad => &[15.5, 16.75],
        Currency::Mxn => &[14.0, 19.0],
        Currency::Eur => &[9.0, 11.0, 12.0, 15.25],
        Currency::Gbp => &[9.0, 11.5, 14.0],
        Currency::Chf => &[9.5, 10.5],
        Currency::Sek | Currency::Nok => &[9.0, 10.5],
        Currency::Zar | Currency::Try => &[10.0, 14.0],
        Currency::Jpy => &[2.833_333_333_333_333_5, 6.0],
        Currency::Aud => &[4.5, 7.5],
        Currency::Nzd => &[1.75, 5.0],
        Currency::Sgd | Currency::Hkd => &[3.0, 8.0],
    }
}

/// Which part of its own standard deviation a leg moves when a currency's news has the size 1.
fn share(currency: Currency, leg: usize) -> f64 {
    currency.leg().map_or(-leg_facts()[leg].dollar_news_share, |of| correlation(of, leg))
}

/// What news adds to the covariance of two legs' days, in products of their standard deviations.
#[must_use]
pub fn covariance(a: usize, b: usize) -> f64 {
    let of = |currency: Currency| {
        let scheduled = currency.facts().map_or(DOLLAR_NEWS_PER_DAY, |facts| facts.news_per_day);
        (scheduled + SURPRISES_PER_DAY) * share(currency, a) * share(currency, b)
    };
    let currencies = Currency::LEGS.into_iter().filter(|&currency| currency != Currency::Hkd).chain([Currency::Usd]);
    SIZE_SQUARE_MEAN * currencies.map(of).sum::<f64>()
}

fn exponential(stream: &mut rand_chacha::ChaCha8Rng, mean: f64) -> f64 {
    -mean * ln(uniform(stream))
}

impl News {
    /// The news of a day, in no order.
    #[must_use]
    pub fn of_day(streams: Streams, day: &FxDay) -> Vec<Self> {
        let mut stream = streams.market(Part::News, day.start);
        let currencies = Currency::LEGS.into_iter().chain([Currency::Usd]);
        let mut found = Vec::new();
        for currency in currencies {
            let scheduled = currency.facts().map_or(DOLLAR_NEWS_PER_DAY, |facts| facts.news_per_day);
            for (rate, is_surprise) in [(scheduled, false), (SURPRISES_PER_DAY, true)] {
                let happens = uniform(&mut stream) < rate;
                let hours = release_hours(currency);
                let hour = hours[(stream.next_u32() as usize) % hours.len()];
                let anywhere = uniform(&mut stream) * DAY_SECONDS as f64;
                // Up to four seconds late; a surprise moves within the first half of a minute, so that a move never
                // crosses the end of its minute.
                let late = uniform(&mut stream) * 4.0;
                let at = if is_surprise { (anywhere / 60.0).floor() * 60.0 } else { hour * 3600.0 } + late;
                let magnitude = SIZE.0 + exponential(&mut stream, SIZE.1);
                let size = if stream.next_u32() & 1 == 0 { magnitude } else { -magnitude };
                let lasts = 60.0 + 60.0 * uniform(&mut stream);
                // The dollar's peg hears no news of its own.
                if happens && currency != Currency::Hkd {
                    found.push(Self { currency, at, size, lasts });
                }
            }
        }
        found
    }

    /// How far the news moves each leg in the end, from the legs' standard deviations of a day. Other currencies follow
    /// as far as they are correlated.
    #[must_use]
    pub fn moves(&self, daily: &[f64; LEGS]) -> [f64; LEGS] {
        std::array::from_fn(|leg| self.size * share(self.currency, leg) * daily[leg])
    }

    /// Which share of the move is made at a time, in seconds since the day's start.
    #[must_use]
    pub fn progress(&self, at: f64) -> f64 {
        let age = at - self.at;
        if age <= 0.0 {
            0.0
        } else if age >= MOVE_SECONDS {
            1.0
        } else {
            (1.0 - exp(-age / MOVE_TAU_SECONDS)) / (1.0 - exp(-MOVE_SECONDS / MOVE_TAU_SECONDS))
        }
    }

    /// How much livelier a minute is for it: a factor of its variance minus 1.
    #[must_use]
    pub fn liveliness(&self, minute: usize) -> f64 {
        let age = minute as f64 - (self.at / 60.0).floor();
        if (0.0..60.0).contains(&age) { 3.0 * exp(-age / 6.0) } else { 0.0 }
    }

    /// Whether a pair has one of the currency's sides.
    #[must_use]
    pub fn concerns(&self, pair: Pair) -> bool {
        let facts = pair.facts();
        facts.base == self.currency || facts.quote == self.currency
    }

    /// The logarithm of how much wider a spread is at a time.
    #[must_use]
    pub fn log_strain(&self, at: f64) -> f64 {
        let age = at - self.at;
        if !(-4.0..200.0).contains(&age) {
            0.0
        } else if age < 0.0 {
            // Makers draw back before a release.
            1.8 * (1.0 + age / 4.0)
        } else {
            1.8 * exp(-age / 30.0)
        }
    }

    /// Whether prices carry the reason at a time.
    #[must_use]
    pub fn is_reason(&self, at: f64) -> bool {
        (self.at..self.at + self.lasts).contains(&at)
    }
}

impl DrySpell {
    /// A pair's dry spells of a day.
    #[must_use]
    pub fn of_day(streams: Streams, pair: Pair, day: &FxDay) -> Vec<Self> {
        let mut stream = streams.pair(Part::DrySpells, pair, day.start);
        let mut found = Vec::new();
        let mut from = exponential(&mut stream, DAY_SECONDS as f64 / DRY_SPELLS_PER_DAY);
        while from < DAY_SECONDS as f64 {
            let lasts = 15.0 + exponential(&mut stream, 25.0).min(85.0);
            let log_strain = 1.1 + 0.7 * uniform(&mut stream);
            found.push(Self { from, until: from + lasts, log_strain });
            from += lasts + exponential(&mut stream, DAY_SECONDS as f64 / DRY_SPELLS_PER_DAY);
        }
        found
    }

    /// The logarithm of how much wider the spread is at a time.
    #[must_use]
    pub fn log_strain_at(&self, at: f64) -> f64 {
        // Three seconds to come, three to go.
        let inside = (at - self.from).min(self.until - at);
        self.log_strain * (inside / 3.0).clamp(0.0, 1.0)
    }

    /// Whether prices carry the reason at a time.
    #[must_use]
    pub fn is_reason(&self, at: f64) -> bool {
        (self.from..self.until).contains(&at)
    }
}
