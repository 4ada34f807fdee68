//! Every number of the full model: its default, its range and what it means; TOML in, and a digest of what differs.
//!
//! A file overrides any of them, section by section:
//!
//! ```toml
//! [overnight]
//! share = 0.15
//! [events]
//! enabled = false
//! ```
//!
//! Unknown keys and values out of range are errors that name the key.

use std::fmt::{self, Write};

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Parameters that cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum InvalidParameters {
    #[error("the model's parameters cannot be read: {0}")]
    Toml(String),
    #[error("{key} = {value} is out of range: it must be from {min} to {max}")]
    OutOfRange { key: String, value: f64, min: f64, max: f64 },
}

/// One parameter, as documentation shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterDescription {
    /// `section.name`.
    pub key: String,
    pub default: f64,
    pub min: f64,
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

/// Declares the sections of the parameters: a switch and a list of numbers each, with default, range and meaning.
macro_rules! sections {
    ($(
        $(#[doc = $section_doc:literal])+
        $section:ident: $Section:ident {
            $($(#[doc = $doc:literal])+ $name:ident $(as $key:literal)? = $default:literal in $min:literal ..= $max:literal,)*
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

        /// The numbers of the full model.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct FullParameters {
            $($(#[doc = $section_doc])+ pub $section: $Section,)*
        }

        impl FullParameters {
            /// Checks every number against its range.
            ///
            /// # Errors
            /// The first that is out of range, by its key.
            pub fn check(&self) -> Result<(), InvalidParameters> {
                $($(
                    in_range(key!($section, $name $(, $key)?), self.$section.$name, $min, $max)?;
                )*)*
                Ok(())
            }

            /// What differs from the defaults, a line `key = value` each, in a fixed order; empty when nothing does.
            #[must_use]
            pub fn overrides(&self) -> String {
                let mut text = String::new();
                let default = Self::default();
                $(
                    differing(&mut text, concat!(stringify!($section), ".enabled"), &self.$section.enabled,
                        &default.$section.enabled);
                    $(
                        differing(&mut text, key!($section, $name $(, $key)?),
                            &self.$section.$name, &default.$section.$name);
                    )*
                )*
                text
            }

            /// Every number with its default, range and meaning.
            #[must_use]
            pub fn describe() -> Vec<ParameterDescription> {
                vec![$($(ParameterDescription {
                    key: key!($section, $name $(, $key)?).to_owned(),
                    default: $default,
                    min: $min,
                    max: $max,
                    meaning: concat!($($doc),+).trim_ascii_start(),
                },)*)*]
            }

            /// The defaults with one section's switch turned.
            ///
            /// # Errors
            /// There is no such section.
            pub fn switched(section: &str, enabled: bool) -> Result<Self, InvalidParameters> {
                let mut parameters = Self::default();
                match section {
                    $(stringify!($section) => parameters.$section.enabled = enabled,)*
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
        share = 0.112 in 0.0..=0.9,
    }
    /// What symbols have in common: the market's and the sectors' factors.
    factors: FactorParameters {
        /// The market factor's daily standard deviation.
        market_sigma = 0.0108 in 0.0..=0.04,
        /// The sector factors' daily standard deviation.
        sector_sigma = 0.0065 in 0.0..=0.04,
        /// The least that a symbol keeps of its own, as a share of its volatility.
        own_floor = 0.45 in 0.05..=1.0,
        /// Part of the market's move that reaches a symbol late.
        late_share = 0.15 in 0.0..=0.9,
        /// What of the late part arrives in each minute.
        late_speed = 0.03 in 0.0005..=1.0,
        /// Probability that a symbol takes on the market's regime at a redraw.
        copy_probability = 0.6 in 0.0..=1.0,
        /// Half-life of the market's slow volatility in days.
        slow_half_life_days = 40.0 in 0.5..=1000.0,
        /// Its standard deviation, in logs.
        slow_deviation = 0.22 in 0.0..=1.0,
        /// Half-life of the market's faster volatility in days.
        fast_half_life_days = 4.0 in 0.1..=1000.0,
        /// Its standard deviation, in logs.
        fast_deviation = 0.25 in 0.0..=1.0,
        /// Half-life of the market's volatility within a day in minutes.
        intraday_half_life_minutes = 60.0 in 1.0..=10000.0,
        /// Its standard deviation, in logs.
        intraday_deviation = 0.20 in 0.0..=1.0,
        /// Half-life of what a minute's market move leaves in the market's volatility, in minutes.
        arch_half_life_minutes as "echo_half_life_minutes" = 13.7 in 0.5..=1000.0,
        /// How much a large market move raises the market's volatility, in logs a standard deviation.
        arch_size as "echo_size" = 0.053 in 0.0..=0.2,
        /// How much a rise of the market raises it, negative because falls do.
        arch_sign as "echo_sign" = -0.02 in -0.1..=0.1,
        /// Crashes of the market a year.
        crashes_per_year = 4.0 in 0.0..=60.0,
        /// Sudden rises of the market, as a share of its crashes.
        surges_per_crash = 0.35 in 0.0..=5.0,
        /// The least size of either, in daily standard deviations of the factor.
        shock_least = 2.0 in 0.0..=6.0,
        /// Mean of what exceeds the least size, exponentially distributed, in daily standard deviations.
        shock_excess = 1.8 in 0.0..=3.0,
    }
    /// Volatility of a symbol's own part.
    volatility: VolatilityParameters {
        /// Half-life of the slow part in days.
        slow_half_life_days = 31.0 in 0.5..=1000.0,
        /// Its standard deviation, in logs.
        slow_deviation = 0.43 in 0.0..=1.2,
        /// Half-life of the faster part in days.
        fast_half_life_days = 2.4 in 0.1..=1000.0,
        /// Its standard deviation, in logs.
        fast_deviation = 0.13 in 0.0..=1.0,
        /// Half-life of the part within a day in minutes.
        intraday_half_life_minutes = 63.0 in 1.0..=10000.0,
        /// Its standard deviation, in logs.
        intraday_deviation = 0.33 in 0.0..=1.0,
        /// Half-life of what a minute's own move leaves in the volatility, in minutes.
        arch_half_life_minutes as "echo_half_life_minutes" = 13.7 in 0.5..=1000.0,
        /// How much a large move raises the volatility, in logs a standard deviation.
        arch_size as "echo_size" = 0.053 in 0.0..=0.2,
        /// How much a rise raises it.
        arch_sign as "echo_sign" = 0.055 in -0.1..=0.1,
        /// How much of the market's log volatility a symbol's own part takes on.
        market_share = 0.22 in 0.0..=1.0,
    }
    /// Tails of a minute's draw.
    tails: TailParameters {
        /// Probability of a wide draw.
        probability = 0.03 in 0.0..=0.2,
        /// Standard deviation of a wide draw; that of the others follows, so that the variance is 1.
        width = 3.3 in 1.0..=4.0,
    }
    /// Prices that overshoot and come back: a negative first autocorrelation.
    bounce: BounceParameters {
        /// What of a minute's own move is overshoot.
        share = 0.15 in 0.0..=1.0,
        /// Half-life of the overshoot in minutes.
        half_life_minutes = 9.0 in 0.5..=1000.0,
        /// What of it is overshoot that comes back over days.
        slow_share = 0.12 in 0.0..=1.0,
        /// Half-life of that in days.
        slow_half_life_days = 1.5 in 0.1..=100.0,
    }
    /// News: jumps of a single symbol.
    events: EventParameters {
        /// Probability of good news on a day.
        up_probability = 0.0085 in 0.0..=0.2,
        /// The least rise, in logs.
        up_least = 0.03 in 0.0..=0.3,
        /// Mean of what exceeds it, exponentially distributed, in logs.
        up_excess = 0.10 in 0.0..=0.3,
        /// Probability of bad news on a day.
        down_probability = 0.0038 in 0.0..=0.2,
        /// The least fall, in logs.
        down_least = 0.03 in 0.0..=0.3,
        /// Mean of what exceeds it, exponentially distributed, in logs.
        down_excess = 0.041 in 0.0..=0.3,
        /// Share of the news that comes between two days; half of its jump is in the open, half in the first minutes.
        overnight_share = 0.40 in 0.0..=1.0,
        /// Share of a jump that is given back.
        given_back = 0.6 in 0.0..=1.0,
        /// What is given back of the rest on each day.
        given_back_speed = 0.35 in 0.0..=1.0,
        /// What news adds to the log volatility.
        volatility = 0.65 in 0.0..=2.0,
        /// Half-life of that in days.
        volatility_half_life_days = 2.1 in 0.1..=100.0,
        /// What news adds to the log volume.
        volume = 0.36 in 0.0..=3.0,
        /// Half-life of that in days.
        volume_half_life_days = 6.0 in 0.1..=100.0,
    }
    /// Price limits of the board.
    limits: LimitParameters {
        /// What a minute trades whose price is locked at the limit, as a share of the usual.
        sealed_volume = 0.25 in 0.0..=1.0,
    }
    /// What volume remembers and answers to.
    volume: VolumeParameters {
        /// Half-life of the first daily part in days.
        fast_half_life_days = 7.8 in 0.1..=1000.0,
        /// Its standard deviation, in logs.
        fast_deviation = 0.19 in 0.0..=1.0,
        /// Half-life of the second daily part in days.
        slow_half_life_days = 60.0 in 0.1..=1000.0,
        /// Its standard deviation, in logs.
        slow_deviation = 0.11 in 0.0..=1.0,
        /// Spread of a minute's log volume that nothing explains.
        noise = 0.63 in 0.0..=2.0,
        /// Half-life of what that spread leaves behind, in minutes.
        noise_half_life_minutes = 6.2 in 0.1..=1000.0,
        /// How much it leaves.
        noise_share = 0.086 in 0.0..=1.0,
        /// Weight of the market's log volatility.
        market_volatility = 0.29 in 0.0..=2.0,
        /// Weight of the symbol's daily log volatility.
        daily_volatility = 0.30 in 0.0..=2.0,
        /// Weight of its log volatility within the day.
        intraday_volatility = 0.31 in 0.0..=2.0,
        /// Half-life of the moves' short memory in minutes.
        short_memory_minutes = 2.1 in 0.1..=1000.0,
        /// Its weight.
        short_memory = 0.60 in 0.0..=2.0,
        /// Half-life of the moves' long memory in days.
        long_memory_days = 1.9 in 0.01..=100.0,
        /// Its weight.
        long_memory = 0.23 in 0.0..=2.0,
        /// Weight of the minute's own move.
        move_weight = 0.50 in 0.0..=2.0,
        /// Weight of the way from the close of the day before.
        travel = 0.40 in 0.0..=2.0,
        /// Level, in logs: makes a symbol's mean daily turnover what it should be.
        level = -0.15 in -5.0..=5.0,
    }
    /// How volatility and volume go through a day.
    profile: ProfileParameters {
    }
}

impl FullParameters {
    /// Reads a TOML text; what it does not name stays at its default.
    ///
    /// # Errors
    /// It is no TOML, a key is unknown, or a value is of the wrong kind or out of range.
    pub fn from_toml(text: &str) -> Result<Self, InvalidParameters> {
        let parameters: Self = toml::from_str(text).map_err(|error| InvalidParameters::Toml(error.to_string()))?;
        parameters.check()?;
        Ok(parameters)
    }

    /// A short name of what differs from the defaults: 16 hexadecimal digits of FNV-1a over
    /// [`FullParameters::overrides`]; none when nothing differs.
    #[must_use]
    pub fn digest(&self) -> Option<String> {
        let text = self.overrides();
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        (!text.is_empty()).then(|| format!("{hash:016x}"))
    }
}

fn in_range(key: &str, value: f64, min: f64, max: f64) -> Result<(), InvalidParameters> {
    if value >= min && value <= max {
        Ok(())
    } else {
        Err(InvalidParameters::OutOfRange { key: key.to_owned(), value, min, max })
    }
}

fn differing<T: PartialEq + fmt::Display>(text: &mut String, key: &str, value: &T, default: &T) {
    if value != default {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{key} = {value}");
    }
}
