//! The house's shape: modules stand in layers and import only downwards; the lower four are pure.

use std::fs;
use std::path::{Path, PathBuf};

/// Each top-level module and its layer. A module may use those of strictly lower layers, and itself.
const LAYERS: [(&str, u8); 12] = [
    ("base", 0),
    ("calendar", 1),
    ("model", 2),
    ("bars", 3),
    ("universe", 3),
    ("store", 4),
    ("jobs", 5),
    ("realism", 5),
    ("serve", 6),
    ("config", 7),
    ("daemon", 7),
    ("bin", 8),
];
/// The one pair of neighbours that may use each other.
const PAIR: [&str; 2] = ["config", "daemon"];
/// The dialects of `serve/`. None of them may use another: what two need is in `serve/query` or the hub.
const DIALECTS: [&str; 5] = ["native", "alpaca", "polygon", "binance", "udf"];
/// The highest layer that does without async, SQL, logs, environment and wall clock.
const PURE_UP_TO: u8 = 3;
const IMPURE: [&str; 7] = ["tokio", "diesel", "tracing", "std::env", "SystemTime", "Instant::now", "Utc::now"];
/// Functions whose last bit is the platform's: `libm` has them in software.
const PLATFORM_ARITHMETIC: [&str; 6] = [".ln()", ".exp()", ".powf(", ".sin(", ".cos(", ".log10()"];
const COMFORTABLE_LINES: usize = 400;

/// A source file of the crate.
struct Source {
    /// Below `src/`, with forward slashes.
    path: String,
    text: String,
    /// The text without comments.
    code: String,
}

impl Source {
    /// The top-level module it belongs to; none for `lib.rs`.
    fn module(&self) -> Option<&str> {
        let first = self.path.split('/').next()?;
        (first != "lib.rs").then(|| first.trim_end_matches(".rs"))
    }

    /// How many modules deep its own module lies below the crate's root.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count();
        if self.path.ends_with("/mod.rs") { parts - 1 } else { parts }
    }
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files_below(&root, &mut paths);
    paths.sort();
    assert!(paths.len() > 20, "the sources were not found in {}", root.display());
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap();
        let code = without_comments(&text);
        Source { path: path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/"), text, code }
    };
    paths.iter().map(read).collect()
}

fn layer_of(module: &str) -> Option<u8> {
    LAYERS.iter().find(|(name, _)| *name == module).map(|(_, layer)| *layer)
}

/// The text with line and block comments left out, minding that a string may hold what looks like one.
fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else {
            let keep = if rest.starts_with("'\"'") {
                3
            } else if next == '"' {
                string_length(rest)
            } else {
                next.len_utf8()
            };
            code.push_str(&rest[..keep]);
            keep
        };
        rest = &rest[skip..];
    }
    code
}

/// Bytes of the string literal that a text begins with, quotes included.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn identifier(text: &str) -> &str {
    let text = text.trim_start();
    &text[..text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())]
}

/// The names that follow a path's `::`: one, or those at the head of each branch of a `{…}` group.
fn heads(text: &str) -> Vec<&str> {
    let text = text.trim_start();
    if !text.starts_with('{') {
        return vec![identifier(text)];
    }
    let (mut depth, mut names) = (0, Vec::new());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            break;
        }
        if depth == 1 && (byte == b'{' || byte == b',') {
            names.push(identifier(&text[at + 1..]));
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The top-level modules that a file names, by `crate::…`, by `klined::…` or by enough `super::` to reach the root.
fn used_modules(source: &Source) -> Vec<String> {
    let mut used = Vec::new();
    for root in ["crate::", "klined::"] {
        let ends_a_word = |at: usize| !source.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        for (at, _) in source.code.match_indices(root).filter(|&(at, _)| ends_a_word(at)) {
            used.extend(heads(&source.code[at + root.len()..]).into_iter().map(str::to_owned));
        }
    }
    let mut rest = source.code.as_str();
    while let Some(at) = rest.find("super::") {
        rest = &rest[at..];
        let mut climbed = 0;
        while let Some(above) = rest.strip_prefix("super::") {
            rest = above;
            climbed += 1;
        }
        // A test module inside the file is one deeper, so there this many `super::` may stay below the root: only names
        // of layers count.
        if climbed >= source.depth() {
            used.extend(heads(rest).into_iter().filter(|name| layer_of(name).is_some()).map(str::to_owned));
        }
    }
    used
}

/// Why one module may not use another; none when it may.
fn objection(user: &str, used: &str) -> Option<String> {
    let Some(above) = layer_of(user) else { return Some(format!("{user} stands in no layer: add it to LAYERS")) };
    let Some(below) = layer_of(used) else { return Some(format!("uses crate::{used}, which stands in no layer")) };
    let allowed = below < above || user == used || (PAIR.contains(&user) && PAIR.contains(&used));
    (!allowed).then(|| format!("layer {above} ({user}) uses layer {below} ({used})"))
}

#[test]
fn modules_import_only_from_lower_layers() {
    let mut objections = Vec::new();
    for source in sources() {
        let Some(module) = source.module() else { continue };
        if layer_of(module).is_none() {
            objections.push(format!("src/{}: {module} stands in no layer: add it to LAYERS", source.path));
        }
        for used in used_modules(&source) {
            objections.extend(objection(module, &used).map(|why| format!("src/{}: {why}", source.path)));
        }
    }
    assert!(objections.is_empty(), "\n{}", objections.join("\n"));
}

#[test]
fn no_dialect_uses_another() {
    for source in sources() {
        let Some(own) = source.path.strip_prefix("serve/").and_then(|rest| rest.split('/').next()) else { continue };
        let own = own.trim_end_matches(".rs");
        for other in DIALECTS.into_iter().filter(|other| DIALECTS.contains(&own) && *other != own) {
            let named = ["::", "{", " "].map(|before| format!("{before}{other}::"));
            assert!(!named.iter().any(|named| source.code.contains(named)), "src/{} uses {other}", source.path);
        }
    }
}

#[test]
fn imports_are_found_however_they_are_written() {
    let used = |path: &str, text: &str| {
        used_modules(&Source { path: path.to_owned(), text: String::new(), code: without_comments(text) })
    };
    assert_eq!(used("base/price.rs", "use crate::store::Kind;"), ["store"]);
    assert_eq!(used("base/price.rs", "use crate::{\n    base::{Price, Symbol},\n    jobs,\n};"), ["base", "jobs"]);
    assert_eq!(used("base/price.rs", "fn f() { crate::daemon::stop() }"), ["daemon"]);
    assert_eq!(used("bin/klined.rs", "use klined::daemon;"), ["daemon"]);
    assert_eq!(used("base/price.rs", "use super::super::model::Model;"), ["model"]);
    assert_eq!(used("base/mod.rs", "use super::{bars::Bar, config};"), ["bars", "config"]);
    assert_eq!(used("store/postgres/rows.rs", "use super::super::super::jobs::Job;"), ["jobs"]);
    assert!(used("store/postgres/rows.rs", "use super::super::model::Row;").is_empty());
    assert!(used("base/price.rs", "// crate::store\n/* crate::jobs */ /// [`crate::bars`]").is_empty());
    assert!(used("base/price.rs", "let url = \"http://host\"; // crate::store").is_empty());
    assert_eq!(used("base/price.rs", "let url = \"http://host\"; crate::store::f()"), ["store"]);
}

#[test]
fn the_rule_of_the_layers_is_the_documented_one() {
    assert_eq!(objection("calendar", "base"), None);
    assert_eq!(objection("bars", "bars"), None);
    assert_eq!(objection("daemon", "config"), None);
    assert_eq!(objection("config", "daemon"), None);
    for (user, used) in
        [("base", "calendar"), ("calendar", "model"), ("model", "bars"), ("jobs", "daemon"), ("base", "x")]
    {
        assert!(objection(user, used).is_some(), "{user} uses {used}");
    }
}

#[test]
fn the_lower_layers_know_no_async_no_sql_no_logs_no_environment_and_no_wall_clock() {
    for source in sources() {
        let Some(layer) = source.module().and_then(layer_of) else { continue };
        for word in IMPURE.into_iter().filter(|_| layer <= PURE_UP_TO) {
            assert!(!source.code.contains(word), "src/{} has {word}", source.path);
        }
    }
}

#[test]
fn no_bar_depends_on_a_platforms_arithmetic() {
    for source in sources() {
        let Some(layer) = source.module().and_then(layer_of) else { continue };
        let shipped = source.code.split("#[cfg(test)]").next().unwrap_or_default();
        for call in PLATFORM_ARITHMETIC.into_iter().filter(|_| layer <= PURE_UP_TO) {
            assert!(!shipped.contains(call), "src/{} calls {call}: use libm", source.path);
        }
    }
}

#[test]
fn every_file_says_at_its_top_what_it_owns() {
    let silent: Vec<String> =
        sources().into_iter().filter(|source| !source.text.starts_with("//!")).map(|source| source.path).collect();
    assert!(silent.is_empty(), "no `//!` at the top of {}", silent.join(", "));
    // A longer file is usually two rooms; worth a look (`--nocapture`), not worth a failure.
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > COMFORTABLE_LINES {
            println!("src/{} has {lines} lines", source.path);
        }
    }
}
