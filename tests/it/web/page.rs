//! The chart page: that it is built from its source, and what it does in a browser.

use std::path::Path;
use std::process::Command;

use crate::support::programs::assert_has;

#[test]
fn the_page_is_the_one_that_is_built_and_works_in_a_browser() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web.sh");
    let programs = Path::new(env!("CARGO_BIN_EXE_klined")).parent().unwrap();
    let output = Command::new(&script).arg(programs).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    assert_has(&text, &["web.sh: ok"]);
}
