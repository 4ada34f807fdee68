//! Every number of the full model with its default, range and meaning.
//!
//! Keys in files and in digests never change. Where the code has a better name than the key, both stand in the list below,
//! `name as "key"`.

mod file;

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};

pub use file::{FullParameters, InvalidParameters};

/// One parameter, as documentation shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterDescription {
    /// `section.name`.
    pub key: String,
    /// Its value on the boards of the exchange, unless a file overrides it.
    pub default: f64,
    /// Its value on the board `free`.
    pub on_free: f64,
    /// The smallest value allowed.
    pub min: f64,
    /// The largest value allowed.
    pub max: f64,
    /// Its meaning and unit.
    pub meaning: &'static str,
}

/// The name of a parameter in files and messages, `section.name`.
macro_rules! key {
    ($section:ident, $name:ident) => {
        concat!(stringify!($section), ".", stringify!($name))
    };
    ($section:ident, $name:ident, $key:literal) => {
        concat!(stringify!($section), ".", $key)
    };
}

/// The second of two numbers if there are two, else the first.
macro_rules! last_of {
    ($one:literal) => {
        $one
    };
    ($one:literal, $other:literal) => {
        $other
    };
}

/// Declares the sections of the parameters: a switch and a list of numbers each, with default, range and meaning. Where the
/// board `free` has a default of its own, it stands after the other one.
macro_rules! sections {
    ($(
        $(#[doc = $section_doc:literal])+
        $section:ident: $Section:ident {
            $($(#[doc = $doc:literal])+ $name:ident $(as $key:literal)? = $default:literal $(, free $on_free:literal)? in $min:literal ..= $max:literal,)*
        }
    )*) => {
        $(
            $(#[doc = $section_doc])+
            #[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
            #[serde(deny_unknown_fields, default)]
            pub struct $Section {
                /// Whether the model has this at all.
                pub enabled: bool,
                $($(#[doc = $doc])+ $(#[serde(rename = $key)])? pub $name: f64,)*
            }

            impl Default for $Section {
                fn default() -> Self {
                    Self { enabled: true, $($name: $default,)* }
                }
            }
        )*

        /// The numbers of the full model on one kind of board; by default those of the exchange's boards.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct BoardParameters {
            $($(#[doc = $section_doc])+ pub $section: $Section,)*
        }

        impl BoardParameters {
            /// The defaults of the board `free`.
            #[must_use]
            pub fn on_free() -> Self {
                Self { $($section: $Section { enabled: true, $($name: last_of!($default $(, $on_free)?),)* },)* }
            }

            /// Checks every number against its range.
            fn check(&self) -> Result<(), InvalidParameters> {
                $($(
                    in_range(key!($section, $name $(, $key)?), self.$section.$name, $min, $max)?;
                )*)*
                Ok(())
            }

            /// Writes what differs from the defaults, a line `key = value` each after a prefix.
            fn differences(&self, default: &Self, prefix: &str, text: &mut String) {
                $(
                    differing(text, prefix, concat!(stringify!($section), ".enabled"), &self.$section.enabled,
                        &default.$section.enabled);
                    $(
                        differing(text, prefix, key!($section, $name $(, $key)?),
                            &self.$section.$name, &default.$section.$name);
                    )*
                )*
            }
        }

        impl FullParameters {
            /// Every number with its defaults, range and meaning.
            #[must_use]
            pub fn describe() -> Vec<ParameterDescription> {
                vec![$($(ParameterDescription {
                    key: key!($section, $name $(, $key)?).to_owned(),
                    default: $default,
                    on_free: last_of!($default $(, $on_free)?),
                    min: $min,
                    max: $max,
                    meaning: concat!($($doc),+).trim_ascii_start(),
                },)*)*]
            }

            /// The defaults with one section's switch set.
            ///
            /// # Errors
            /// There is no such section.
            pub fn switched(section: &str, enabled: bool) -> Result<Self, InvalidParameters> {
                let mut parameters = Self::default();
                match section {
                    $(stringify!($section) => {
                        parameters.boards.$section.enabled = enabled;
                        parameters.free.$section.enabled = enabled;
                    })*
                    _ => return Err(InvalidParameters::Toml(format!("there is no section {section}"))),
                }
                Ok(parameters)
            }

            /// The names of the sections.
            pub const SECTIONS: &[&str] = &[$(stringify!($section)),*];
        }
    };
}

sections! {
    /// The gap between a close and the next open.
    overnight: OvernightParameters {
        /// Share of a day's variance that falls between two days.
        share = 0.112, free 0.26 in 0.0..=0.9,
    }
    /// The common part of all symbols: the factors of the market and of the sectors.
    factors: FactorParameters {
        /// The market factor's daily standard deviation.
        market_sigma = 0.0108 in 0.0..=0.04,
        /// The sector factors' daily standard deviation.
        sector_sigma = 0.0065 in 0.0..=0.04,
        /// Minimum of a symbol's own part, as a share of its volatility.
        own_floor = 0.45 in 0.05..=1.0,
        /// Share of the market's move that reaches a symbol late.
        late_share = 0.15, free 0.06 in 0.0..=0.9,
        /// Share of the late part that arrives in each minute.
        late_speed = 0.03 in 0.0005..=1.0,
        /// Probability that a symbol takes the market's regime at a redraw.
        copy_probability = 0.6 in 0.0..=1.0,
        /// Half-life of the market's slow volatility in days.
        slow_half_life_days = 40.0 in 0.5..=1000.0,
        /// Standard deviation of this part, in logs.
        slow_deviation = 0.22 in 0.0..=1.0,
        /// Half-life of the market's faster volatility in days.
        fast_half_life_days = 4.0 in 0.1..=1000.0,
        /// Standard deviation of this part, in logs.
        fast_deviation = 0.25 in 0.0..=1.0,
        /// Half-life of the market's volatility within a day in minutes.
        intraday_half_life_minutes = 60.0 in 1.0..=10000.0,
        /// Standard deviation of this part, in logs.
        intraday_deviation = 0.20 in 0.0..=1.0,
        /// Half-life of the effect of a minute's market move on the market's volatility, in minutes.
        arch_half_life_minutes as "echo_half_life_minutes" = 13.7 in 0.5..=1000.0,
        /// Increase of the market's log volatility for each standard deviation of a market move.
        arch_size as "echo_size" = 0.053 in 0.0..=0.2,
        /// Increase of the market's log volatility after a rise; negative, because falls increase it.
        arch_sign as "echo_sign" = -0.02 in -0.1..=0.1,
        /// Crashes of the market a year.
        crashes_per_year = 4.0 in 0.0..=60.0,
        /// Sudden rises of the market, as a share of its crashes.
        surges_per_crash = 0.35 in 0.0..=5.0,
        /// Minimum size of a crash or surge, in daily standard deviations of the factor.
        shock_least = 2.0 in 0.0..=6.0,
        /// Mean of the excess over the minimum size, exponentially distributed, in daily standard deviations.
        shock_excess = 1.8 in 0.0..=3.0,
    }
    /// Volatility of a symbol's own part.
    volatility: VolatilityParameters {
        /// Half-life of the slow part in days.
        slow_half_life_days = 31.0 in 0.5..=1000.0,
        /// Standard deviation of this part, in logs.
        slow_deviation = 0.43, free 0.28 in 0.0..=1.2,
        /// Half-life of the faster part in days.
        fast_half_life_days = 2.4 in 0.1..=1000.0,
        /// Standard deviation of this part, in logs.
        fast_deviation = 0.13, free 0.2 in 0.0..=1.0,
        /// Half-life of the part within a day in minutes.
        intraday_half_life_minutes = 63.0 in 1.0..=10000.0,
        /// Standard deviation of this part, in logs.
        intraday_deviation = 0.33 in 0.0..=1.0,
        /// Half-life of the effect of a minute's own move on the volatility, in minutes.
        arch_half_life_minutes as "echo_half_life_minutes" = 13.7 in 0.5..=1000.0,
        /// Increase of the log volatility for each standard deviation of a move.
        arch_size as "echo_size" = 0.053 in 0.0..=0.2,
        /// Increase of the log volatility after a rise.
        arch_sign as "echo_sign" = 0.055, free -0.03 in -0.1..=0.1,
        /// Share of the market's log volatility that a symbol's own part takes.
        market_share = 0.22 in 0.0..=1.0,
        /// Daily standard deviation, in base volatilities.
        scale = 1.0, free 0.9 in 0.1..=3.0,
    }
    /// Tails of a minute's draw.
    tails: TailParameters {
        /// Probability of a wide draw.
        probability = 0.03, free 0.02 in 0.0..=0.2,
        /// Standard deviation of a wide draw; the others get the one that makes the total variance 1.
        width = 3.3, free 3.0 in 1.0..=4.0,
    }
    /// Prices that overshoot and revert: a negative first autocorrelation.
    bounce: BounceParameters {
        /// Share of a minute's own move that is overshoot.
        share = 0.15, free 0.1 in 0.0..=1.0,
        /// Half-life of the overshoot in minutes.
        half_life_minutes = 9.0 in 0.5..=1000.0,
        /// Share of a minute's own move that is overshoot which reverts over days.
        slow_share = 0.12, free 0.03 in 0.0..=1.0,
        /// Half-life of this effect in days.
        slow_half_life_days = 1.5 in 0.1..=100.0,
    }
    /// News: jumps of a single symbol.
    events: EventParameters {
        /// Probability of good news on a day.
        up_probability = 0.0085, free 0.008 in 0.0..=0.2,
        /// Minimum rise, in logs.
        up_least = 0.03, free 0.015 in 0.0..=0.3,
        /// Mean of the excess over the minimum, exponentially distributed, in logs.
        up_excess = 0.10, free 0.016 in 0.0..=0.3,
        /// Probability of bad news on a day.
        down_probability = 0.0038, free 0.008 in 0.0..=0.2,
        /// Minimum fall, in logs.
        down_least = 0.03, free 0.015 in 0.0..=0.3,
        /// Mean of the excess over the minimum, exponentially distributed, in logs.
        down_excess = 0.041, free 0.016 in 0.0..=0.3,
        /// Share of the news that comes between two days; half of its jump is in the open, half in the first minutes.
        overnight_share = 0.40, free 0.8 in 0.0..=1.0,
        /// Share of a jump that is reversed later.
        given_back = 0.6, free 0.0 in 0.0..=1.0,
        /// Share of the remaining reversal that happens on each day.
        given_back_speed = 0.35 in 0.0..=1.0,
        /// Addition of news to the log volatility.
        volatility = 0.65, free 0.4 in 0.0..=2.0,
        /// Half-life of this effect in days.
        volatility_half_life_days = 2.1 in 0.1..=100.0,
        /// Addition of news to the log volume.
        volume = 0.36 in 0.0..=3.0,
        /// Half-life of this effect in days.
        volume_half_life_days = 6.0 in 0.1..=100.0,
    }
    /// Price limits of the board.
    limits: LimitParameters {
        /// Volume of a minute whose price is locked at the limit, as a share of the usual volume.
        sealed_volume = 0.25 in 0.0..=1.0,
    }
    /// The memory of volume and its response to moves.
    volume: VolumeParameters {
        /// Half-life of the first daily part in days.
        fast_half_life_days = 7.8 in 0.1..=1000.0,
        /// Standard deviation of this part, in logs.
        fast_deviation = 0.19 in 0.0..=1.0,
        /// Half-life of the second daily part in days.
        slow_half_life_days = 60.0 in 0.1..=1000.0,
        /// Standard deviation of this part, in logs.
        slow_deviation = 0.11 in 0.0..=1.0,
        /// Unexplained standard deviation of a minute's log volume.
        noise = 0.63 in 0.0..=2.0,
        /// Half-life of the memory of this noise, in minutes.
        noise_half_life_minutes = 6.2 in 0.1..=1000.0,
        /// Weight of this memory.
        noise_share = 0.086 in 0.0..=1.0,
        /// Weight of the market's log volatility.
        market_volatility = 0.29 in 0.0..=2.0,
        /// Weight of the symbol's daily log volatility.
        daily_volatility = 0.30 in 0.0..=2.0,
        /// Weight of its log volatility within the day.
        intraday_volatility = 0.31 in 0.0..=2.0,
        /// Half-life of the moves' short memory in minutes.
        short_memory_minutes = 2.1 in 0.1..=1000.0,
        /// Weight of this memory.
        short_memory = 0.60 in 0.0..=2.0,
        /// Half-life of the moves' long memory in days.
        long_memory_days = 1.9 in 0.01..=100.0,
        /// Weight of this memory.
        long_memory = 0.23 in 0.0..=2.0,
        /// Weight of the minute's own move.
        move_weight = 0.50 in 0.0..=2.0,
        /// Weight of the distance from the close of the day before.
        travel = 0.40 in 0.0..=2.0,
        /// Level, in logs. It gives a symbol its mean daily turnover.
        level = -0.15 in -5.0..=5.0,
        /// Value of a usual trade, in currency units. A minute that trades less on average may have no trade; 0: every minute has one.
        trade_value = 20000.0 in 0.0..=1000000.0,
    }
    /// The intraday course of volatility and volume.
    profile: ProfileParameters {
    }
}

fn in_range(key: &str, value: f64, min: f64, max: f64) -> Result<(), InvalidParameters> {
    if value >= min && value <= max {
        Ok(())
    } else {
        Err(InvalidParameters::OutOfRange { key: key.to_owned(), value, min, max })
    }
}

fn differing<T: PartialEq + fmt::Display>(text: &mut String, prefix: &str, key: &str, value: &T, default: &T) {
    if value != default {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{prefix}{key} = {value}");
    }
}
