//! The OpenAPI document: the server keeps to it, whatever is asked.

use std::path::Path;
use std::process::Command;

use klined_testing::{assert_has, repository};

#[test]
fn the_server_answers_as_its_document_says_whatever_is_asked() {
    let script = repository("tests/schemathesis.sh");
    let programs = Path::new(env!("CARGO_BIN_EXE_klined")).parent().unwrap();
    let output = Command::new(&script).arg(programs).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    assert_has(&text, &["schemathesis.sh: ok"]);
}
