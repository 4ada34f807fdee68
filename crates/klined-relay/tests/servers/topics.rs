//! The topics follow the database: nothing is missing, nothing is there twice.

use std::process::Child;
use std::thread;
use std::time::Duration;

use klined_market::base::Interval;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{
    Filled, Postgres, Server, assert_complete, broker, ends, json, published, put, records, refused, relay, relayed,
    said, stocks, terminated, until, url_in,
};

#[test]
fn topics_hold_what_the_database_holds_and_go_on_with_it() {
    let folder = tempdir().unwrap();
    let filled = Filled::in_file(folder.path(), stocks(4), "2026-04-01", "2026-04-01");
    relayed(broker(), "whole", &filled.url, "");
    assert_eq!((ends(broker(), "whole-bars").len(), ends(broker(), "whole-ticks").len()), (3, 3));
    assert_complete(broker(), "whole", &filled);
    // A second start sends nothing; more days follow behind the others.
    relayed(broker(), "whole", &filled.url, "");
    assert_complete(broker(), "whole", &filled);
    filled.up_to("2026-04-01", "2026-04-02");
    relayed(broker(), "whole", &filled.url, "");
    assert_complete(broker(), "whole", &filled);
    let other = refused(broker(), "whole", &filled.url, "--format binary");
    assert!(other.contains("in the other format of --format"), "{other}");
}

#[test]
fn the_binary_form_has_the_documented_values() {
    let folder = tempdir().unwrap();
    let filled = Filled::in_file(folder.path(), stocks(2), "2026-04-01", "2026-04-01");
    relayed(broker(), "json", &filled.url, "");
    relayed(broker(), "binary", &filled.url, "--format binary");
    // It goes on in this form too.
    filled.up_to("2026-04-01", "2026-04-02");
    relayed(broker(), "json", &filled.url, "");
    relayed(broker(), "binary", &filled.url, "--format binary");
    for (topic, decode) in [("bars", bar as fn(&[u8]) -> Value), ("ticks", tick)] {
        let text = published(broker(), &format!("json-{topic}"));
        let binary = published(broker(), &format!("binary-{topic}"));
        assert!(text.len() >= 2 * 2 * 240);
        assert_eq!(text.len(), binary.len());
        for (text, binary) in text.iter().zip(&binary) {
            assert_eq!((text.partition, &text.key), (binary.partition, &binary.key));
            assert_eq!(json(text), decode(&binary.value));
        }
    }
}

/// Reads values in a row.
struct Row<'a>(&'a [u8]);

impl Row<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap();
        self.0 = rest;
        *first
    }

    fn integer(&mut self) -> i64 {
        let (first, rest) = self.0.split_first_chunk().unwrap();
        self.0 = rest;
        i64::from_le_bytes(*first)
    }

    fn text(&mut self) -> String {
        let length = usize::from(self.byte());
        let (text, rest) = self.0.split_at(length);
        self.0 = rest;
        String::from_utf8(text.to_vec()).unwrap()
    }

    fn price(&mut self) -> Value {
        (self.integer() as f64 / 100.0).into()
    }
}

fn bar(bytes: &[u8]) -> Value {
    let (mut row, mut value) = (Row(bytes), Value::default());
    value["symbol"] = row.text().into();
    value["time"] = row.integer().into();
    for price in ["open", "high", "low", "close"] {
        value[price] = row.price();
    }
    value["volume"] = row.integer().into();
    value["turnover"] = if row.byte() == 0 { row.price() } else { Value::Null };
    value["trades"] = if row.byte() == 0 { row.integer().into() } else { Value::Null };
    for interval in Interval::ROLLED {
        value[format!("start_{interval}")] = row.integer().into();
    }
    assert!(row.0.is_empty());
    value
}

fn tick(bytes: &[u8]) -> Value {
    let (mut row, mut value) = (Row(bytes), Value::default());
    value["symbol"] = row.text().into();
    let is_trade = row.byte() == 1;
    value["kind"] = if is_trade { "trade" } else { "quote" }.into();
    value["time_ns"] = row.integer().into();
    value["id"] = row.integer().into();
    let side = row.byte();
    if is_trade {
        value["side"] = ["none", "buy", "sell"][usize::from(side)].into();
    }
    for (name, of_trade) in [("price", true), ("bid", false), ("ask", false)] {
        let (price, shares) = (row.price(), row.integer());
        if of_trade == is_trade && price != 0.0 {
            value[name] = price;
            value[if is_trade { "shares".to_owned() } else { format!("{name}_shares") }] = shares.into();
        }
    }
    assert!(row.0.is_empty());
    value
}

#[test]
fn a_relay_that_is_killed_again_and_again_sends_nothing_twice() {
    let folder = tempdir().unwrap();
    let filled = Filled::in_file(folder.path(), stocks(4), "2026-04-01", "2026-04-02");
    for _ in 0..4 {
        let before = records(broker(), "killed-ticks");
        let mut child: Child = relay(broker(), "killed", &filled.url, "").spawn().unwrap();
        until("more records", || records(broker(), "killed-ticks") > before || child.try_wait().unwrap().is_some());
        thread::sleep(Duration::from_millis(30));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    relayed(broker(), "killed", &filled.url, "");
    assert_complete(broker(), "killed", &filled);
}

#[test]
fn a_market_in_shards_is_published_as_far_as_all_shards_have_it() {
    let folder = tempdir().unwrap();
    let filled = Filled::empty(url_in(folder.path()), stocks(4));
    let [first, second] = ["1/2", "2/2"].map(|part| part.parse().unwrap());
    filled.part_up_to(first, "2026-04-01", "2026-04-01");
    relayed(broker(), "shards", &filled.url, "");
    assert_eq!(records(broker(), "shards-bars") + records(broker(), "shards-ticks"), 0);
    filled.part_up_to(second, "2026-04-01", "2026-04-01");
    relayed(broker(), "shards", &filled.url, "");
    assert_complete(broker(), "shards", &filled);
    filled.part_up_to(second, "2026-04-01", "2026-04-02");
    relayed(broker(), "shards", &filled.url, "--only bars");
    assert_eq!(records(broker(), "shards-bars"), 4 * 240);
    filled.part_up_to(first, "2026-04-01", "2026-04-02");
    relayed(broker(), "shards", &filled.url, "");
    assert_complete(broker(), "shards", &filled);
}

/// A value of the page of metrics.
fn metric(address: &str, name: &str) -> Option<i64> {
    let page = ureq::get(format!("http://{address}/metrics")).call().ok()?.body_mut().read_to_string().ok()?;
    page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// Trading minutes that a topic is behind the database.
fn lag(address: &str, topic: &str) -> Option<i64> {
    metric(address, &format!("klined_relay_lag_minutes{{topic=\"{topic}\"}}"))
}

/// An address of this machine that nothing listens at.
fn free_address() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_broker_that_is_away_holds_nothing_up_and_the_lag_shows_it() {
    let ((_postgres, url), broker) = (Postgres::start(), Server::start("kafka.sh", "kafka"));
    let filled = Filled::new(url, stocks(3), "2026-04-01", "2026-04-01");
    let address = free_address();
    let child = relay(&broker, "away", &filled.url, &format!("--health-addr {address}")).spawn().unwrap();
    let lags = || ["away-bars", "away-ticks"].map(|topic| lag(&address, topic));
    until("the first day", || lags() == [Some(0); 2] && records(&broker, "away-bars") == 3 * 240);
    broker.does("kill");
    // The market goes on without the broker, and the program lives.
    filled.up_to("2026-04-01", "2026-04-02");
    until("the lag", || lags() == [Some(240); 2]);
    broker.again();
    until("the topics", || lags() == [Some(0); 2]);
    assert_eq!(metric(&address, "klined_relay_delivered_records{topic=\"away-bars\"}"), Some(2 * 3 * 240));
    assert_complete(&broker, "away", &filled);
    let output = terminated(child);
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn a_relay_that_stood_still_while_another_one_went_on_sends_nothing_and_ends() {
    let folder = tempdir().unwrap();
    let filled = Filled::in_file(folder.path(), stocks(4), "2026-04-01", "2026-04-01");
    let address = free_address();
    let child = relay(broker(), "still", &filled.url, &format!("--health-addr {address}")).spawn().unwrap();
    // What the client holds while it stands still would be sent after it.
    let lags = || ["still-bars", "still-ticks"].map(|topic| lag(&address, topic));
    until("the first day", || lags() == [Some(0); 2] && records(broker(), "still-bars") == 4 * 240);
    let signal = |signal| kill_process(Pid::from_child(&child), signal).unwrap();
    signal(Signal::STOP);
    filled.up_to("2026-04-01", "2026-04-02");
    relayed(broker(), "still", &filled.url, "");
    thread::sleep(Duration::from_secs(6));
    signal(Signal::CONT);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("another producer writes to partition"), "{}", said(&output));
    assert_complete(broker(), "still", &filled);
}

#[test]
fn a_topic_of_something_else_is_refused_and_stays_as_it_is() {
    let folder = tempdir().unwrap();
    let filled = Filled::in_file(folder.path(), stocks(5), "2026-04-01", "2026-04-01");
    relayed(broker(), "strange", &filled.url, "--only bars");
    let last = published(broker(), "strange-bars").last().unwrap().clone();
    // Another price, another day, no record of this program, another key.
    let mut other = json(&last);
    other["close"] = 0.5.into();
    let mut future = json(&last);
    future["time"] = (future["time"].as_i64().unwrap() + 86_400).into();
    for (key, value, why) in [
        (last.key.as_str(), other.to_string(), "it differs from what the database has"),
        (&last.key, future.to_string(), "the database has no bar"),
        (&last.key, "hello".to_owned(), "its value is not such a record"),
        ("no symbol", String::from_utf8(last.value.clone()).unwrap(), "its key is \"no symbol\""),
    ] {
        put(broker(), "strange-bars", Some(last.partition), key, value.as_bytes());
        let before = records(broker(), "strange-bars");
        let said = refused(broker(), "strange", &filled.url, "--only bars --once");
        assert!(said.contains("ends with a record that is not of this market") && said.contains(why), "{said}");
        assert_eq!(records(broker(), "strange-bars"), before);
    }
    let said = refused(broker(), "few", &filled.url, "--partitions 1 --part 2/2 --once");
    assert!(said.contains("it has 1 partitions, none of which is part 2/2"), "{said}");
    let output = relay(broker(), "same", &filled.url, "--bars-topic x --ticks-topic x").output().unwrap();
    assert!(!output.status.success() && crate::support::said(&output).contains("are both x"));
}
