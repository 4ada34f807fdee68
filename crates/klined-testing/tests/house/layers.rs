//! The house's shape: rooms stand in layers and import only downwards, the dialects know nothing of each other, and the market
//! is pure.

use super::names::Names;
use super::sources::{SOURCES, Source, written};
use super::tokens::{has, tokens};

/// Each room, by its crate and its name there, and its layer. A room may use those of strictly lower layers, and itself. A crate
/// of which all is one room has the name `*`.
const LAYERS: [(&str, &str, u8); 26] = [
    ("klined_market", "base", 0),
    ("klined_market", "calendar", 1),
    ("klined_market", "model", 2),
    ("klined_market", "bars", 3),
    ("klined_market", "universe", 3),
    ("klined_service", "*", 0),
    ("klined_testing", "*", 4),
    ("klined_exchange", "*", 4),
    ("klined_data", "*", 4),
    ("klined_realism", "*", 4),
    ("klined_fx", "*", 4),
    ("klined", "store", 4),
    ("klined", "jobs", 5),
    ("klined", "feed", 6),
    ("klined", "query", 7),
    ("klined", "access", 8),
    ("klined", "relay", 8),
    ("klined", "serve", 9),
    ("klined", "config", 10),
    ("klined", "daemon", 10),
    ("klined_fx_api", "*", 11),
    ("klined_export", "*", 11),
    ("klined_relay", "*", 11),
    ("klined_venue", "*", 11),
    ("klined_python", "*", 11),
    ("bin", "bin", 12),
];
/// The one pair of neighbours that may use each other.
const PAIR: [(&str, &str); 2] = [("klined", "config"), ("klined", "daemon")];
/// The dialects of `serve/`. None of them may use another: what two need is in `query` or `feed`.
const DIALECTS: [&str; 5] = ["native", "alpaca", "polygon", "binance", "udf"];
/// The crate that does without async, SQL, logs, environment and wall clock, and whose bits are the same on every platform.
const PURE: &str = "klined_market";
const IMPURE: [&str; 12] = [
    "tokio",
    "diesel",
    "tracing",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "SystemTime",
    "std::time::Instant",
    "Instant::now",
    "Utc::now",
];
/// Functions whose last bit is the platform's: `libm` has them in software.
const PLATFORM_ARITHMETIC: [&str; 6] = [".ln", ".exp", ".powf", ".sin", ".cos", ".log10"];

/// A crate's name and a room in it; the room is empty for the crate's root.
type Room<'a> = (&'a str, &'a str);

fn room_of(source: &Source) -> Room<'_> {
    let is_one_room = LAYERS.iter().any(|(krate, room, _)| *krate == source.krate && *room == "*");
    (&source.krate, if is_one_room { "*" } else { source.module.first().map_or("", String::as_str) })
}

fn layer_of((krate, room): Room) -> Option<u8> {
    LAYERS.iter().find(|(of, name, _)| (*of, *name) == (krate, room)).map(|(.., layer)| *layer)
}

/// Why one room may not use another; none when it may.
fn objection(user: Room, used: Room) -> Option<String> {
    let name = |(krate, room): Room| format!("{krate}::{room}");
    let Some(above) = layer_of(user) else {
        return Some(format!("{} stands in no layer: add it to LAYERS", name(user)));
    };
    let Some(below) = layer_of(used) else {
        return Some(format!("{} stands in no layer: add it to LAYERS", name(used)));
    };
    let allowed = below < above || user == used || (PAIR.contains(&user) && PAIR.contains(&used));
    (!allowed).then(|| format!("layer {above} ({}) uses layer {below} ({})", name(user), name(used)))
}

#[test]
fn rooms_import_only_from_lower_layers() {
    let is_root = |source: &Source| room_of(source).1.is_empty();
    let mut objections = Vec::new();
    for source in SOURCES.iter().filter(|source| !is_root(source) && layer_of(room_of(source)).is_none()) {
        objections.push(format!("{} stands in no layer: add it to LAYERS", source.path));
    }
    for found in Names::of(&SOURCES).uses().0 {
        let (user, used) = (&SOURCES[found.user], &SOURCES[found.used]);
        if !is_root(user) && !is_root(used) {
            let objection = objection(room_of(user), room_of(used));
            objections.extend(objection.map(|why| format!("{}: {why} by {}", user.path, found.path)));
        }
    }
    assert!(objections.is_empty(), "\n{}", objections.join("\n"));
}

#[test]
fn no_dialect_uses_another() {
    let dialect = |source: &'static Source| -> Option<&'static str> {
        let [serve, own, ..] = source.module.as_slice() else { return None };
        (serve == "serve").then_some(own.as_str()).filter(|own| DIALECTS.contains(own))
    };
    for found in Names::of(&SOURCES).uses().0 {
        let (user, used) = (&SOURCES[found.user], &SOURCES[found.used]);
        if let (Some(own), Some(other)) = (dialect(user), dialect(used)) {
            assert_eq!(own, other, "{} uses {} by {}", user.path, used.path, found.path);
        }
    }
    for name in DIALECTS {
        assert!(SOURCES.iter().any(|source| dialect(source) == Some(name)), "there is no dialect {name}");
    }
}

#[test]
fn the_rule_of_the_layers_is_the_documented_one() {
    let of = |user: &str, used: &str| objection(user.split_once("::").unwrap(), used.split_once("::").unwrap());
    assert_eq!(of("klined_market::calendar", "klined_market::base"), None);
    assert_eq!(of("klined_market::bars", "klined_market::bars"), None);
    assert_eq!(of("klined::store", "klined_market::universe"), None);
    assert_eq!(of("klined_testing::*", "klined_market::base"), None);
    assert_eq!(of("klined::daemon", "klined::config"), None);
    assert_eq!(of("klined::config", "klined::daemon"), None);
    for (user, used) in [
        ("klined_market::base", "klined_market::calendar"),
        ("klined_market::bars", "klined_market::universe"),
        ("klined_market::universe", "klined::store"),
        ("klined::jobs", "klined::daemon"),
        ("klined::net", "klined::feed"),
        ("klined::query", "klined::serve"),
        ("klined_market::base", "klined_market::x"),
    ] {
        assert!(of(user, used).is_some(), "{user} uses {used}");
    }
}

#[test]
fn the_market_knows_no_async_no_sql_no_logs_no_environment_and_no_wall_clock() {
    for source in SOURCES.iter().filter(|source| source.krate == PURE) {
        for word in IMPURE {
            assert!(!has(&source.tokens, &tokens(word)), "{} has {word}", source.path);
        }
    }
}

#[test]
fn no_bar_depends_on_a_platforms_arithmetic() {
    let test = tokens("#[cfg(test)]");
    for source in SOURCES.iter().filter(|source| source.krate == PURE) {
        let shipped = source.tokens.windows(test.len()).position(|row| row == test).unwrap_or(source.tokens.len());
        for call in PLATFORM_ARITHMETIC {
            assert!(!has(&source.tokens[..shipped], &tokens(call)), "{} calls {call}: use libm", source.path);
        }
    }
}

#[test]
fn every_file_says_at_its_top_what_it_owns() {
    let files = written(&[".rs"]);
    let silent: Vec<&str> =
        files.iter().filter(|(_, text)| !text.starts_with("//!")).map(|(path, _)| path.as_str()).collect();
    assert!(silent.is_empty(), "no `//!` at the top of {}", silent.join(", "));
}
