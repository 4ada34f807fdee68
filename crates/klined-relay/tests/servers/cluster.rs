//! A market in several databases, through Kafka into a cluster of ClickHouse servers: together it is the market of one process.

use std::process::Child;

use klined_market::base::{Interval, Shard};
use tempfile::tempdir;

use crate::support::{Filled, Server, broker, ends, records, relay, said, stocks, terminated, until};
use crate::tables::{ask, assert_same_bars, number, set_up};

const PARTS: u8 = 3;

/// The program's statements without what version 18 of the server does not have: some settings and virtual columns of the Kafka engine, a short
/// type of texts, and a parameter.
fn for_version_18(printed: &str) -> Vec<String> {
    let is_unknown = |line: &&str| {
        ["handle_error_mode", "max_block_size", "flush_interval_ms"].iter().any(|word| line.contains(word))
    };
    let lines: Vec<&str> = printed.lines().filter(|line| !is_unknown(line)).collect();
    let text = lines.join("\n").replace("LowCardinality(String)", "String").replace(", 'UTC')", ")");
    let text = text.replace("WHERE _error = ''", "").replace("AND _error = ''", "");
    let statements = text.split(";\n").map(str::trim).filter(|text| !text.is_empty() && !text.contains("_error"));
    statements.map(str::to_owned).collect()
}

#[test]
fn the_bars_of_three_databases_in_a_cluster_are_those_of_one_process() {
    let (cluster, folder) = (Server::start("clickhouse_cluster.sh", "clickhouse-cluster"), tempdir().unwrap());
    let rows = stocks(12);
    let databases: Vec<Filled> = (1..=PARTS)
        .map(|nth| {
            let part: Shard = format!("{nth}/{PARTS}").parse().unwrap();
            let rows = rows.iter().filter(|row| part.holds_name(&row.symbol)).cloned().collect();
            let place = folder.path().join(nth.to_string());
            std::fs::create_dir(&place).unwrap();
            Filled::in_file(&place, rows, "2026-03-31", "2026-03-31")
        })
        .collect();
    let relays: Vec<Child> = databases
        .iter()
        .zip(1..)
        .map(|(filled, nth)| {
            // The ticks of one database are enough.
            let only = if nth == 1 { "" } else { "--only bars" };
            let mut command =
                relay(broker(), "parts", &filled.url, &format!("--part {nth}/{PARTS} --partitions 6 {only}"));
            command.spawn().unwrap()
        })
        .collect();
    until("the topics", || records(broker(), "parts-bars") > 0 && records(broker(), "parts-ticks") > 0);
    assert_eq!(ends(broker(), "parts-bars").len(), 6);
    let servers = [cluster.port, cluster.port + 3];
    for topics in ["--without-topics", ""] {
        for port in servers {
            ureq::post(format!("http://127.0.0.1:{port}/")).send("CREATE DATABASE IF NOT EXISTS market").unwrap();
            let printed = set_up(port, "parts", &format!("--cluster klined --print {topics}"));
            for statement in for_version_18(&String::from_utf8_lossy(&printed.stdout)) {
                ask(port, &statement);
            }
        }
    }
    databases.iter().for_each(|filled| filled.up_to("2026-03-31", "2026-04-01"));
    let place = folder.path().join("whole");
    std::fs::create_dir(&place).unwrap();
    let whole = Filled::in_file(&place, rows, "2026-03-31", "2026-04-01");
    until("all bars", || number(servers[0], "SELECT count() FROM market_bars FINAL") == 12 * 2 * 240);
    assert_eq!(records(broker(), "parts-bars"), 12 * 2 * 240);
    let (made, bars) = (databases[0].ticks(), databases[0].bars(Interval::Minute1));
    let of_bar = bars.iter().map(|(symbol, bar)| made(*symbol, bar));
    let ticks = of_bar.map(|ticks| ticks.trades().len() + ticks.quotes().len()).sum::<usize>() as i64;
    let stored = || {
        number(servers[1], "SELECT count() FROM market_trades FINAL")
            + number(servers[1], "SELECT count() FROM market_quotes FINAL")
    };
    until("all ticks", || stored() == ticks);
    assert_eq!(records(broker(), "parts-ticks"), ticks);
    for port in servers {
        assert_same_bars(port, &whole);
        // Each server keeps a part of the symbols.
        let own = number(port, "SELECT uniqExact(symbol) FROM market_bars_local");
        assert!((1..12).contains(&own), "{own}");
    }
    let shared = servers.map(|port| number(port, "SELECT count() FROM market_bars_local FINAL"));
    assert_eq!(shared.iter().sum::<i64>(), 12 * 2 * 240);
    for relay in relays {
        let output = terminated(relay);
        assert!(output.status.success(), "{}", said(&output));
    }
}
