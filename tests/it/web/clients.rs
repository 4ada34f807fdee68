//! The vendors' own clients: that they work, and that what they are given is what the database holds.

use std::path::Path;
use std::process::Command;

use crate::support::programs::assert_has;

#[test]
fn the_vendors_own_clients_hear_what_is_stored() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients.sh");
    let programs = Path::new(env!("CARGO_BIN_EXE_klined")).parent().unwrap();
    let output = Command::new(&script).arg(programs).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    assert_has(&text, &["clients.sh: ok"]);
}
