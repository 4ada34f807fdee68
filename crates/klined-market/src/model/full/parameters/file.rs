//! The parameters of all boards: reading them from TOML, and the digest of those that differ from the defaults.
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

use std::fmt;

use thiserror::Error;

use super::super::version::FullVersion;
use super::BoardParameters;
use crate::base::fnv::fnv1a_64;

/// Parameters that cannot be used.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum InvalidParameters {
    /// The text is not TOML, names an unknown key, or has a value of the wrong type.
    #[error("the model's parameters cannot be read: {0}")]
    Toml(String),
    /// A number is out of its range.
    #[error("{key} = {value} is out of range: it must be from {min} to {max}")]
    OutOfRange {
        /// `section.name`.
        key: String,
        /// The number that was given.
        value: f64,
        /// The smallest number allowed.
        min: f64,
        /// The largest number allowed.
        max: f64,
    },
}

/// The numbers of the full model. A file sets a number for all boards; what it does not name has the default of each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FullParameters {
    /// On the boards of the exchange. The common path of all symbols has these numbers too.
    pub boards: BoardParameters,
    /// On the board `free`, in versions whose rules differ by board.
    pub free: BoardParameters,
}

impl Default for FullParameters {
    fn default() -> Self {
        Self { boards: BoardParameters::default(), free: BoardParameters::on_free() }
    }
}

impl FullParameters {
    /// Reads a TOML text; what it does not name stays at its default.
    ///
    /// # Errors
    /// It is no TOML, a key is unknown, or a value is of the wrong kind or out of range.
    pub fn from_toml(text: &str) -> Result<Self, InvalidParameters> {
        let invalid = |error: &dyn fmt::Display| InvalidParameters::Toml(error.to_string());
        let boards: BoardParameters = toml::from_str(text).map_err(|error| invalid(&error))?;
        boards.check()?;
        let named: toml::Table = toml::from_str(text).map_err(|error| invalid(&error))?;
        let mut free = toml::Table::try_from(BoardParameters::on_free()).map_err(|error| invalid(&error))?;
        for (section, values) in named {
            if let (Some(toml::Value::Table(all)), toml::Value::Table(values)) = (free.get_mut(&section), values) {
                all.extend(values);
            }
        }
        Ok(Self { boards, free: free.try_into().map_err(|error| invalid(&error))? })
    }

    /// What differs from the defaults in a version, a line `key = value` each, in a fixed order; empty when nothing does.
    #[must_use]
    pub fn overrides(&self, version: FullVersion) -> String {
        let (mut text, default) = (String::new(), Self::default());
        self.boards.differences(&default.boards, "", &mut text);
        if version.has_own_rules_on_free() {
            self.free.differences(&default.free, "free.", &mut text);
        }
        text
    }

    /// A short name of what differs from the defaults: 16 hexadecimal digits of FNV-1a over
    /// [`FullParameters::overrides`]; none when nothing differs.
    #[must_use]
    pub fn digest(&self, version: FullVersion) -> Option<String> {
        let text = self.overrides(version);
        (!text.is_empty()).then(|| format!("{:016x}", fnv1a_64(&text)))
    }
}
