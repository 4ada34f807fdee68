//! `klined calendar` for each kind of market.

use std::fs;

use crate::support::programs::Program;

#[test]
fn the_calendar_of_each_kind_of_market_is_printed() {
    let place = tempfile::tempdir().unwrap();
    let calendar = |arguments: &str| Program::klined(place.path()).with("calendar").with(arguments).run();
    let minutes = |arguments: &str| calendar(&format!("{arguments} --minutes")).succeeded().stdout.lines().count();
    let week = "--from 2026-11-23 --to 2026-11-29";
    for (name, expected) in [("sse", 5 * 240), ("nyse", 3 * 390 + 210), ("24x7", 7 * 1440), ("fx", 5 * 1440)] {
        assert_eq!(minutes(&format!("--calendar {name} {week}")), expected, "{name}");
    }
    calendar(&format!("--calendar asx {week}")).was_misused(&["asx", "sse, nyse, 24x7, fx"]);

    fs::write(place.path().join("days"), "early 2026-11-25\n").unwrap();
    assert_eq!(minutes(&format!("--calendar nyse --calendar-file days {week}")), 2 * 390 + 2 * 210);
    calendar(&format!("--calendar-file days {week}")).failed(&["line 1", "sse", "early closes"]);
}
