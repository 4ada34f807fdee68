//! Keys: who may use the server, and how much. A key is `ID.SECRET`. The file holds the SHA-256 of the secret only, so a reader of the
//! file cannot use the key.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::chaos::{Chaos, ChaosProfile, FaultPlan, InvalidProfile};
use super::limits::{Allowance, Rate};
use crate::query::errors::Refusal;

/// The most keys in a file.
const KEYS_MAX: usize = 10_000;
/// The longest key that is looked up, in bytes.
const LENGTH_MAX: usize = 256;

/// Why a file of keys cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidKeys {
    #[error("{0}")]
    Syntax(String),
    #[error("key {0}: id must be 1 to 64 ASCII letters, digits, - or _")]
    Id(String),
    #[error("two keys have the id {0}")]
    Twice(String),
    #[error("key {0}: sha256 must be 64 hexadecimal digits")]
    Hash(String),
    #[error("key {0}: give requests_per_second or requests_per_minute, not both")]
    Rates(String),
    #[error("key {0}: {1}")]
    Chaos(String, InvalidProfile),
    #[error("there are more than {KEYS_MAX} keys")]
    TooMany,
}

/// The limits of a key's holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    pub rate: Rate,
    /// The most WebSocket connections at once.
    pub connections: u32,
    /// The most tickers that one connection subscribes to by name.
    pub subscriptions: u32,
}

impl Default for Allowed {
    fn default() -> Self {
        let number = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
        Self { rate: Rate::a_second(number(100), number(200)), connections: 20, subscriptions: 1000 }
    }
}

/// A key's holder, and what is left of its limits.
pub struct Holder {
    pub name: String,
    pub allowed: Allowed,
    /// The faults that the holder asks for; none without a chaos profile.
    pub chaos: Option<Chaos>,
    digest: [u8; 32],
    allowance: Allowance,
    connections: AtomicU32,
}

impl Holder {
    /// The holder of a secret.
    #[must_use]
    pub fn new(name: String, secret: &str, allowed: Allowed) -> Self {
        Self::of_digest(name, digest(secret), allowed, None)
    }

    fn of_digest(name: String, digest: [u8; 32], allowed: Allowed, chaos: Option<FaultPlan>) -> Self {
        let (allowance, chaos) = (Allowance::new(allowed.rate), chaos.map(Chaos::from));
        Self { name, allowed, chaos, digest, allowance, connections: AtomicU32::new(0) }
    }

    /// The SHA-256 of the key's secret.
    #[must_use]
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// Takes one request. Returns how many more may follow at once.
    ///
    /// # Errors
    /// None is left.
    pub fn take(&self) -> Result<u32, Refusal> {
        self.allowance.take()
    }

    /// Occupies one of the holder's connections until it is dropped; none when all are occupied.
    #[must_use]
    pub fn connect(self: &Arc<Self>) -> Option<ConnectionSlot> {
        let more = |count: u32| (count < self.allowed.connections).then_some(count + 1);
        self.connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(ConnectionSlot(self.clone()))
    }
}

/// One of a holder's connections, occupied until it is dropped.
pub struct ConnectionSlot(Arc<Holder>);

impl ConnectionSlot {
    /// The holder whose connection it is.
    #[must_use]
    pub fn holder(&self) -> &Holder {
        &self.0
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The id of the chart page's key.
const PAGE: &str = "page";

/// The keys of a server.
#[derive(Default)]
pub struct Keys {
    holders: BTreeMap<String, Arc<Holder>>,
    page: String,
    /// The holder of a key that was chosen as a whole.
    chosen: Option<Arc<Holder>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    #[serde(default)]
    key: Vec<KeyEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    name: String,
    id: String,
    sha256: String,
    requests_per_second: Option<NonZeroU32>,
    requests_per_minute: Option<NonZeroU32>,
    burst: Option<NonZeroU32>,
    connections: Option<u32>,
    subscriptions: Option<u32>,
    chaos: Option<ChaosProfile>,
}

impl Keys {
    /// Reads the text of a key file.
    ///
    /// # Errors
    /// The first mistake in it.
    pub fn parse(text: &str) -> Result<Self, InvalidKeys> {
        let file: KeyFile = toml::from_str(text).map_err(|error| InvalidKeys::Syntax(error.to_string()))?;
        if file.key.len() > KEYS_MAX {
            return Err(InvalidKeys::TooMany);
        }
        let mut keys = Self::default();
        for entry in file.key {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if !(1..=64).contains(&entry.id.len()) || !entry.id.bytes().all(allowed) {
                return Err(InvalidKeys::Id(entry.id));
            }
            let digest =
                HEXLOWER_PERMISSIVE.decode(entry.sha256.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
            let Some(digest) = digest else { return Err(InvalidKeys::Hash(entry.id)) };
            let usual = Allowed::default();
            let mut rate = match (entry.requests_per_second, entry.requests_per_minute) {
                (None, None) => usual.rate,
                (Some(requests), None) => Rate::of(requests),
                (None, Some(requests)) => Rate::a_minute(requests),
                (Some(_), Some(_)) => return Err(InvalidKeys::Rates(entry.id)),
            };
            rate.burst = entry.burst.unwrap_or(rate.burst);
            let allowed = Allowed {
                rate,
                connections: entry.connections.unwrap_or(usual.connections),
                subscriptions: entry.subscriptions.unwrap_or(usual.subscriptions),
            };
            let chaos = entry.chaos.map(FaultPlan::try_from).transpose();
            let chaos = chaos.map_err(|wrong| InvalidKeys::Chaos(entry.id.clone(), wrong))?;
            let holder = Arc::new(Holder::of_digest(entry.name, digest, allowed, chaos));
            if keys.holders.insert(entry.id.clone(), holder).is_some() {
                return Err(InvalidKeys::Twice(entry.id));
            }
        }
        Ok(keys)
    }

    /// Adds the key of the server's own chart page, in place of one with the same id.
    #[must_use]
    pub fn with_page(mut self, secret: &str) -> Self {
        let holder = Holder::new("chart page".to_owned(), secret, Allowed::default());
        self.holders.insert(PAGE.to_owned(), Arc::new(holder));
        self.page = format!("{PAGE}.{secret}");
        self
    }

    /// Adds a key that was chosen as a whole and need not have two parts.
    #[must_use]
    pub fn with_chosen(mut self, key: &str) -> Self {
        self.chosen = Some(Arc::new(Holder::new("chosen key".to_owned(), key, Allowed::default())));
        self
    }

    /// Adds what no file has: the chart page's key and the chosen one of other keys.
    #[must_use]
    pub fn with_page_of(mut self, others: &Self) -> Self {
        self.chosen.clone_from(&others.chosen);
        if let Some(holder) = others.holders.get(PAGE).filter(|_| !others.page.is_empty()) {
            self.holders.insert(PAGE.to_owned(), holder.clone());
            self.page.clone_from(&others.page);
        }
        self
    }

    /// Each holder with the id of its key, in order of id.
    pub fn holders(&self) -> impl Iterator<Item = (&str, &Holder)> {
        self.holders.iter().map(|(id, holder)| (id.as_str(), &**holder))
    }

    /// The chart page's key; empty when it has none.
    #[must_use]
    pub fn page(&self) -> &str {
        &self.page
    }

    /// The number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.holders.len() + usize::from(self.chosen.is_some())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The holder of a whole key, `ID.SECRET` or the chosen one.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<Arc<Holder>> {
        self.find_chosen(key).or_else(|| {
            let (id, secret) = key.split_once('.')?;
            self.find_pair(id, secret)
        })
    }

    fn find_chosen(&self, key: &str) -> Option<Arc<Holder>> {
        let holder = self.chosen.as_ref().filter(|_| key.len() <= LENGTH_MAX)?;
        bool::from(digest(key).ct_eq(&holder.digest)).then(|| holder.clone())
    }

    /// The holder of a key that is given in two parts. The time that it takes depends neither on
    /// whether the id is known nor on which part of the secret is right.
    #[must_use]
    pub fn find_pair(&self, id: &str, secret: &str) -> Option<Arc<Holder>> {
        if id.len() + secret.len() > LENGTH_MAX {
            return None;
        }
        // A client with two fields may have the chosen key as its secret, and anything for an id.
        if let Some(holder) = self.find_chosen(secret) {
            return Some(holder);
        }
        let holder = self.holders.get(id);
        let known = holder.map_or([0; 32], |holder| holder.digest);
        let is_right = bool::from(digest(secret).ct_eq(&known));
        holder.filter(|_| is_right).cloned()
    }
}

/// The SHA-256 of a secret.
#[must_use]
pub fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// The lines of a key file for a secret.
#[must_use]
pub fn entry(name: &str, id: &str, secret: &str) -> String {
    // A TOML string and a JSON string of a name without control characters are written alike.
    let name: String = name.chars().filter(|c| !c.is_control()).collect();
    let quoted = serde_json::Value::from(name);
    format!("[[key]]\nname = {quoted}\nid = \"{id}\"\nsha256 = \"{}\"\n", HEXLOWER.encode(&digest(secret)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_made_is_found_and_no_other() {
        let text =
            format!("{}requests_per_second = 5\n{}", entry("a \"friend\"", "abc", "s3cret"), entry("b", "b", "x"));
        let keys = Keys::parse(&text).unwrap();
        let found = keys.find("abc.s3cret").unwrap();
        assert_eq!((found.name.as_str(), found.allowed.rate.burst.get()), ("a \"friend\"", 10));
        let long = format!("abc.{}", "x".repeat(300));
        for key in ["", ".", "abc", "abc.", "abc.S3cret", "b.s3cret", "c.s3cret", "s3cret", "abc.s3cret ", &long] {
            assert!(keys.find(key).is_none(), "{key}");
        }
        assert!(!text.contains("s3cret"));
    }

    #[test]
    fn an_error_in_a_file_names_its_place() {
        let digest = "0".repeat(64);
        for (text, reason) in [
            ("key = 1".to_owned(), "line 1"),
            ("[[key]]\nname = 'a'\n".to_owned(), "missing field"),
            (format!("[[key]]\nname='a'\nid='a b'\nsha256='{digest}'\n"), "key a b"),
            ("[[key]]\nname='a'\nid='a'\nsha256='12'\n".to_owned(), "64 hexadecimal"),
            (format!("[[key]]\nname='a'\nid='a'\nsha256='{}ä'\n", "0".repeat(62)), "64 hexadecimal"),
            (format!("[[key]]\nname='a'\nid='a'\nsha256='{digest}'\n").repeat(2), "two keys"),
            (format!("[[key]]\nname='a'\nid='a'\nsha256='{digest}'\nrequest=3\n"), "unknown field"),
            (format!("[[key]]\nname='a'\nid='a'\nsha256='{digest}'\nburst=0\n"), "nonzero"),
            (
                format!("[[key]]\nname='a'\nid='a'\nsha256='{digest}'\nrequests_per_second=1\nrequests_per_minute=1\n"),
                "key a: give requests_per_second or",
            ),
            (format!("[[key]]\nname='a'\nid='a'\nsha256='{digest}'\n[key.chaos]\nrequests={{drop=0.1}}\n"), "`seed`"),
            (format!("[[key]]\nname='a'\nid='a'\nsha256='{digest}'\n[key.chaos]\nseed=1\ndrop=0.1\n"), "unknown field"),
            (
                format!("[[key]]\nname='a'\nid='a'\nsha256='{digest}'\n[key.chaos]\nseed=1\nrequests={{drop=2.0}}\n"),
                "key a: chaos.requests: a probability",
            ),
        ] {
            let refused = Keys::parse(&text).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
    }

    #[test]
    fn the_page_has_a_key_of_its_own() {
        let keys = Keys::parse(&entry("a", "page", "other")).unwrap().with_page("s3cret");
        assert_eq!(keys.find(keys.page()).unwrap().name, "chart page");
        // Other keys, read later, keep the page's.
        let later = Keys::parse(&entry("b", "b", "x")).unwrap().with_page_of(&keys);
        assert_eq!(later.find(keys.page()).unwrap().name, "chart page");
        assert!(later.find("b.x").is_some() && later.find("a.other").is_none());
        assert!(keys.find("page.other").is_none() && Keys::default().find(Keys::default().page()).is_none());
    }

    #[test]
    fn a_chosen_key_is_taken_whole_or_as_a_secret_and_outlives_a_file_that_is_read_again() {
        let keys = Keys::parse(&entry("a", "abc", "s3cret")).unwrap().with_chosen("brunosapikey");
        let later = Keys::parse(&entry("b", "b", "x")).unwrap().with_page_of(&keys);
        for keys in [&keys, &later] {
            let found = [keys.find("brunosapikey"), keys.find_pair("any id", "brunosapikey")];
            assert!(found.iter().all(|holder| holder.as_ref().is_some_and(|holder| holder.name == "chosen key")));
            assert!(keys.find("brunosapike").is_none() && keys.find("").is_none());
            assert!(keys.find_pair("brunosapikey", "").is_none());
        }
        assert!(keys.find("abc.s3cret").is_some() && later.find("b.x").is_some());
    }

    #[test]
    fn connections_are_counted_until_they_are_dropped() {
        let allowed = Allowed { connections: 2, ..Allowed::default() };
        let holder = Arc::new(Holder::new("a".to_owned(), "s", allowed));
        let (first, second) = (holder.connect(), holder.connect());
        assert!(first.is_some() && second.is_some() && holder.connect().is_none());
        drop(first);
        assert!(holder.connect().is_some());
    }
}
