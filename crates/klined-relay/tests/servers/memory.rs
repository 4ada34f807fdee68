//! Memory does not grow with what the topics lack.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use klined_market::calendar::Calendar;
use klined_relay::reader::{Reader, opening};
use klined_testing::date;
use tempfile::tempdir;

use crate::support::{Filled, Server, records, relay, said, stocks, terminated, until};

/// Bars of a page, as docs/KAFKA.md says.
const PAGE_BARS: usize = 65_536;

#[test]
fn a_page_has_no_more_bars_than_are_documented() {
    let folder = tempdir().unwrap();
    let filled = Filled::in_file(folder.path(), stocks(300), "2026-04-01", "2026-04-01");
    let calendar = Arc::new(Calendar::shanghai());
    let begin = opening(&calendar, date("2026-04-01")).unwrap();
    let mut reader = Reader::new(filled.shared_store(), calendar, begin).unwrap();
    let mut pages = Vec::new();
    while let Some(page) = reader.page(Duration::ZERO).unwrap() {
        pages.push(page.bars.len());
    }
    assert_eq!(pages.iter().sum::<usize>(), 300 * 240);
    assert!(pages.len() == 2 && pages.iter().all(|bars| *bars <= PAGE_BARS), "{pages:?}");
}

/// The most memory that a process has had, in kB.
fn most_memory(process: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let most = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()).unwrap();
    most.parse().unwrap()
}

#[test]
fn a_broker_that_hangs_does_not_fill_the_memory() {
    let (broker, folder) = (Server::start("kafka.sh", "kafka"), tempdir().unwrap());
    // More than a million ticks, which would take half a gigabyte.
    let filled = Filled::in_file(folder.path(), stocks(300), "2026-04-01", "2026-04-01");
    let child = relay(&broker, "hangs", &filled.url, "--only ticks").spawn().unwrap();
    until("the first ticks", || records(&broker, "hangs-ticks") > 0);
    broker.does("pause");
    let mut most = 0;
    until("the end of the growth", || {
        thread::sleep(Duration::from_secs(4));
        let before = std::mem::replace(&mut most, most_memory(child.id()));
        before == most
    });
    broker.does("resume");
    let output = terminated(child);
    assert!(output.status.success(), "{}", said(&output));
    assert!(most < 300_000, "the relay took {most} kB");
}
