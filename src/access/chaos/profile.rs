//! A key's faults as its file has them: the odds of each, and what they may be.

use serde::Deserialize;
use thiserror::Error;

/// The longest delay, in milliseconds.
pub const DELAY_MS_MAX: u32 = 10_000;
/// What the probabilities may add up to: so much above 1 is how they are rounded.
const SUM_MAX: f64 = 1.0 + 1e-9;
/// Why a profile cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidProfile {
    #[error("chaos.{0}: a probability must be a number from 0 to 1")]
    Probability(&'static str),
    #[error("chaos.{0}: the probabilities add up to more than 1, but a request or a message gets at most one fault")]
    Sum(&'static str),
    #[error("chaos.{0}.delay_ms must be [LEAST, MOST] with LEAST <= MOST <= {DELAY_MS_MAX}")]
    Delay(&'static str),
}

/// A key's faults as its file has them. A fault that is not named never happens.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChaosProfile {
    pub seed: u64,
    #[serde(default)]
    pub requests: RequestOdds,
    #[serde(default)]
    pub messages: MessageOdds,
}

/// The probability of each fault of a request.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestOdds {
    pub delay: f64,
    pub delay_ms: [u32; 2],
    pub drop: f64,
    pub too_many_requests: f64,
    pub server_error: f64,
    pub stale: f64,
}

/// The probability of each fault of a message.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MessageOdds {
    pub delay: f64,
    pub delay_ms: [u32; 2],
    pub duplicate: f64,
    pub reorder: f64,
    pub drop: f64,
    pub stale: f64,
}

/// The delay where a profile gives none, in milliseconds.
const DELAY_MS: [u32; 2] = [100, 1000];

impl Default for RequestOdds {
    fn default() -> Self {
        Self { delay: 0.0, delay_ms: DELAY_MS, drop: 0.0, too_many_requests: 0.0, server_error: 0.0, stale: 0.0 }
    }
}

impl Default for MessageOdds {
    fn default() -> Self {
        Self { delay: 0.0, delay_ms: DELAY_MS, duplicate: 0.0, reorder: 0.0, drop: 0.0, stale: 0.0 }
    }
}

impl ChaosProfile {
    /// Whether each probability is one, their sums too, and the delays are in range.
    pub(super) fn check(&self) -> Result<(), InvalidProfile> {
        let RequestOdds { delay, delay_ms, drop, too_many_requests, server_error, stale } = self.requests;
        check("requests", &[delay, drop, too_many_requests, server_error, stale], delay_ms)?;
        let MessageOdds { delay, delay_ms, duplicate, reorder, drop, stale } = self.messages;
        check("messages", &[delay, duplicate, reorder, drop, stale], delay_ms)
    }
}

fn check(table: &'static str, probabilities: &[f64], delay_ms: [u32; 2]) -> Result<(), InvalidProfile> {
    if !probabilities.iter().all(|probability| (0.0..=1.0).contains(probability)) {
        return Err(InvalidProfile::Probability(table));
    }
    if probabilities.iter().sum::<f64>() > SUM_MAX {
        return Err(InvalidProfile::Sum(table));
    }
    let [least, most] = delay_ms;
    if least > most || most > DELAY_MS_MAX {
        return Err(InvalidProfile::Delay(table));
    }
    Ok(())
}

/// The lines of a key's entry that give it a few faults of each kind.
#[must_use]
pub fn example(seed: u64) -> String {
    format!(
        "[key.chaos]\nseed = {seed}\n\
         requests = {{ delay = 0.05, delay_ms = [100, 2000], drop = 0.02, too_many_requests = 0.05, server_error = 0.05, stale = 0.05 }}\n\
         messages = {{ delay = 0.01, delay_ms = [100, 2000], duplicate = 0.01, reorder = 0.01, drop = 0.001, stale = 0.01 }}\n"
    )
}
