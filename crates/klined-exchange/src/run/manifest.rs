//! `manifest.json`: what a directory holds. Formats 1.0 (one security without a name) and 1.1 (several with names).
//!
//! Beside the fields that readers know there are those that say which run it is, so that another one is refused: the model, the market's
//! opening time, the start date and the chunks' size. A session that is not whole is marked as `partial`.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::TradingDays;
use super::spec::{ModelSpec, RunSpec};

/// A session of a security.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEntry {
    pub date: NaiveDate,
    pub seed: u64,
    /// In the run's directory.
    pub file: String,
    /// Whether the session is still being made, or was stopped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
}

/// A security's part of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityEntry {
    /// Missing in format 1.0.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub symbol: String,
    pub tick_size: u32,
    pub p0_ticks: i32,
    pub levels_per_side: u32,
    pub initial_spread_ticks: u32,
    pub initial_depth: u32,
    pub sessions: Vec<SessionEntry>,
}

/// A manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    pub format_version: String,
    pub run_id: String,
    pub producer: String,
    pub base_seed: u64,
    pub seed_strategy: String,
    pub session_seconds: u32,
    /// The model's name and parameters. This and the next three are missing where another producer wrote the manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Value>,
    /// In seconds since midnight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub market_open_seconds: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_date: Option<NaiveDate>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunk_capacity: Option<u32>,
    /// The calendar whose trading days have sessions; missing where those are the weekdays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trading_days: Option<String>,
    /// The least price of a bid, in ticks; missing where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price_floor_ticks: Option<i32>,
    /// The one security of format 1.0.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub security: Option<SecurityEntry>,
    /// The securities of format 1.1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub securities: Vec<SecurityEntry>,
}

fn model_value(model: &ModelSpec) -> Value {
    match model {
        ModelSpec::Simple(parameters) => {
            let fields = parameters.named().into_iter().map(|(name, value)| (name.to_owned(), value.into()));
            Value::Object([("name".to_owned(), "simple".into())].into_iter().chain(fields).collect())
        }
        ModelSpec::Hlr => serde_json::json!({ "name": "hlr" }),
        ModelSpec::Rich => serde_json::json!({ "name": "qr-2" }),
        ModelSpec::Curves(curves) => serde_json::json!({ "name": "hlr", "curves": curves }),
    }
}

impl Manifest {
    /// The manifest of a run that has no session yet.
    #[must_use]
    pub fn of(run: &RunSpec) -> Self {
        let entry = |nth: usize| SecurityEntry {
            symbol: run.symbol(nth).to_owned(),
            tick_size: run.tick_size,
            p0_ticks: run.first_p0_ticks(nth),
            levels_per_side: run.levels,
            initial_spread_ticks: run.spread_ticks,
            initial_depth: run.depth,
            sessions: Vec::new(),
        };
        let several = !run.securities.is_empty();
        Self {
            format_version: if several { "1.1" } else { "1.0" }.to_owned(),
            run_id: run.id(),
            producer: "qrsdp".to_owned(),
            base_seed: run.base_seed,
            seed_strategy: run.seed_scheme.name().to_owned(),
            session_seconds: run.session_seconds,
            model: Some(model_value(&run.model)),
            market_open_seconds: Some(run.market_open_s),
            start_date: Some(run.start_date),
            chunk_capacity: Some(run.chunk_capacity),
            trading_days: (run.trading_days != TradingDays::Weekdays).then(|| run.trading_days.name().to_owned()),
            price_floor_ticks: run.price_floor_ticks,
            security: (!several).then(|| entry(0)),
            securities: if several { (0..run.securities.len()).map(entry).collect() } else { Vec::new() },
        }
    }

    /// Every security's part, in order.
    #[must_use]
    pub fn entries(&self) -> Vec<&SecurityEntry> {
        self.security.iter().chain(&self.securities).collect()
    }

    /// Whether a session has all of its events.
    pub(crate) fn is_whole(&self, nth: usize, day: u32) -> bool {
        let mut entries = self.security.iter().chain(&self.securities);
        let session = entries.nth(nth).and_then(|entry| entry.sessions.get(day as usize));
        session.is_some_and(|session| !session.partial)
    }

    /// A text that differs between runs: the same for all sessions of one.
    pub(crate) fn identity_text(&self) -> String {
        let fields = self.identity().into_iter().map(|(name, value)| format!("{name}={}\n", value.unwrap_or_default()));
        fields.collect()
    }

    /// A security's part.
    pub(crate) fn entry_mut(&mut self, nth: usize) -> Option<&mut SecurityEntry> {
        self.security.iter_mut().chain(&mut self.securities).nth(nth)
    }

    /// What says which run it is, name by name; sessions are no part of that.
    fn identity(&self) -> Vec<(String, Option<String>)> {
        let text = |value: Option<String>| value;
        let floor = self.price_floor_ticks.map_or_else(|| "none".to_owned(), |floor| floor.to_string());
        let mut fields = vec![
            ("format_version".to_owned(), Some(self.format_version.clone())),
            ("base_seed".to_owned(), Some(self.base_seed.to_string())),
            ("seed_strategy".to_owned(), Some(self.seed_strategy.clone())),
            ("session_seconds".to_owned(), Some(self.session_seconds.to_string())),
            ("market_open_seconds".to_owned(), text(self.market_open_seconds.map(|seconds| seconds.to_string()))),
            ("start_date".to_owned(), text(self.start_date.map(|date| date.to_string()))),
            ("chunk_capacity".to_owned(), text(self.chunk_capacity.map(|capacity| capacity.to_string()))),
            ("trading_days".to_owned(), Some(self.trading_days.clone().unwrap_or_else(|| "weekdays".to_owned()))),
            ("price_floor_ticks".to_owned(), Some(floor)),
            ("model".to_owned(), text(self.model.as_ref().map(ToString::to_string))),
            ("number of securities".to_owned(), Some(self.entries().len().to_string())),
        ];
        for (nth, entry) in self.entries().into_iter().enumerate() {
            let name = |field: &str| match entry.symbol.as_str() {
                "" => field.to_owned(),
                _ => format!("{field} of security {}", nth + 1),
            };
            fields.extend([
                (name("symbol"), Some(entry.symbol.clone())),
                (name("tick_size"), Some(entry.tick_size.to_string())),
                (name("p0_ticks"), Some(entry.p0_ticks.to_string())),
                (name("levels_per_side"), Some(entry.levels_per_side.to_string())),
                (name("initial_spread_ticks"), Some(entry.initial_spread_ticks.to_string())),
                (name("initial_depth"), Some(entry.initial_depth.to_string())),
            ]);
        }
        fields
    }

    /// The first field in which this is the manifest of another run: its name, what it is here and what it is there.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<(String, String, String)> {
        let pairs = self.identity().into_iter().zip(other.identity());
        pairs.into_iter().find_map(|((name, here), (_, there))| match (here, there) {
            (Some(here), Some(there)) if here != there => Some((name, here, there)),
            _ => None,
        })
    }
}
