//! What the programs print goes through one place, which a reader that closes its pipe cannot break, and every error is printed
//! with its causes by one rule.

use super::sources::{SOURCES, Source, written};
use super::tokens::{has, tokens};

/// The one place that prints.
const PRINTER: &str = "crates/klined-service/src/output.rs";
/// What standard error is, a terminal or the journal, is asked of its descriptor; nothing is printed there.
const ASK_ONLY: [&str; 2] = ["crates/klined-service/src/logging/mod.rs", "crates/klined-service/src/terminal.rs"];
/// A crate whose library is built without `klined-service`; its tools print by themselves.
const OTHERS: [&str; 1] = ["crates/klined-exchange/"];
/// The panicking macros of the standard library, and its streams.
const PRINTING: [&str; 7] = ["println!", "print!", "eprintln!", "eprint!", "dbg!", "io::stdout(", "io::stderr("];
/// anyhow's own form of an error with its causes, which prints the last one twice where an error shows its cause.
const REPEATING: [&str; 2] = ["error:#}", "error:#?}"];

fn is_ours(source: &Source) -> bool {
    source.path != PRINTER && !OTHERS.iter().any(|folder| source.path.starts_with(folder))
}

/// What a source prints by itself.
fn printing(source: &Source) -> Vec<&'static str> {
    let is_asked = |macros: &str| ASK_ONLY.contains(&source.path.as_str()) && macros == "io::stderr(";
    PRINTING.into_iter().filter(|macros| !is_asked(macros) && has(&source.tokens, &row(macros))).collect()
}

/// The tokens of the beginning of a call, whose bracket is still open.
fn row(call: &str) -> Vec<String> {
    match call.strip_suffix('(') {
        None => tokens(call),
        Some(path) => [tokens(path), vec!["(".to_owned()]].concat(),
    }
}

#[test]
fn nothing_prints_but_the_one_place_that_a_closed_pipe_cannot_break() {
    let strays: Vec<String> = SOURCES
        .iter()
        .filter(|source| is_ours(source))
        .flat_map(|source| printing(source).into_iter().map(|call| format!("{} has {call}", source.path)))
        .collect();
    assert!(strays.is_empty(), "use klined_service::say and its kind:\n{}", strays.join("\n"));
    let source = |text: &str| Source {
        krate: "klined".to_owned(),
        path: "src/x.rs".to_owned(),
        module: Vec::new(),
        tokens: tokens(text),
    };
    assert_eq!(printing(&source("fn f() { std::println!(\"{}\", 1); std::io::stdout().flush(); }")).len(), 2);
    assert_eq!(printing(&source("fn f() { say!(\"println!\"); output::print(|out| Ok(())); }")).len(), 0);
}

#[test]
fn no_error_is_printed_with_a_cause_twice() {
    let is_shipped = |path: &str| {
        (path.starts_with("src/") || path.contains("/src/")) && !OTHERS.iter().any(|folder| path.starts_with(folder))
    };
    let files = written(&[".rs"]);
    let strays: Vec<&str> = files
        .iter()
        .filter(|(path, text)| is_shipped(path) && REPEATING.iter().any(|form| text.contains(form)))
        .map(|(path, _)| path.as_str())
        .collect();
    assert!(strays.is_empty(), "use klined_service::one_line: {strays:?}");
}
