//! The OpenAPI document: that the server keeps to it, whatever is asked.

use std::path::Path;
use std::process::Command;

use crate::support::programs::assert_has;

#[test]
fn the_server_answers_as_its_document_says_whatever_is_asked() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis.sh");
    let programs = Path::new(env!("CARGO_BIN_EXE_klined")).parent().unwrap();
    let output = Command::new(&script).arg(programs).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    assert_has(&text, &["schemathesis.sh: ok"]);
}
