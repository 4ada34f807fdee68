//! The playback page in a browser.

use std::path::Path;
use std::process::Command;

use klined_testing::{assert_has, repository};

#[test]
fn the_playback_page_works_in_a_browser() {
    let programs = Path::new(env!("CARGO_BIN_EXE_exchange-playback")).parent().unwrap();
    let output = Command::new(repository("tests/web.sh")).arg(programs).arg("playback").output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    assert_has(&text, &["web.sh: ok"]);
}
