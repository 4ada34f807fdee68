//! From the logs through the topic into tables: what readers see is what the logs hold.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use klined_exchange::event::EventType;
use tempfile::tempdir;

use crate::support::{Events, Server, broker, logged, made, producer, records, said, terminated, until};

/// Runs a statement, and returns the rows and their columns.
fn ask(server: &Server, statement: &str) -> Vec<Vec<String>> {
    let mut answer = ureq::post(format!("http://127.0.0.1:{}/?database=market", server.port)).send(statement).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn set_up(server: &Server, topic: &str, password: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_exchange-producer"));
    command.args(["clickhouse-setup", "--kafka-topic", topic]).env_clear();
    command.env("KAFKA_BROKERS", format!("127.0.0.1:{}", broker().port));
    command.env("CLICKHOUSE_HOST", "127.0.0.1").env("CLICKHOUSE_PORT", server.port.to_string());
    command.env("CLICKHOUSE_USER", "exchange").env("CLICKHOUSE_PASSWORD", password).env("CLICKHOUSE_DB", "market");
    command.output().unwrap()
}

/// Symbol and date, events, sum of prices, executions.
type Sums = BTreeMap<(String, String), (u64, i64, u64)>;

fn sums(events: &Events) -> Sums {
    let mut sums = Sums::new();
    for (symbol, events) in events {
        for (date, event) in events {
            let sum = sums.entry((symbol.clone(), date.to_string())).or_default();
            sum.0 += 1;
            sum.1 += i64::from(event.price_ticks);
            sum.2 += u64::from(event.event_type.is_execution());
        }
    }
    sums
}

fn stored(server: &Server, table: &str) -> Sums {
    let rows = ask(
        server,
        &format!(
            "SELECT symbol, date, count(), sum(price_ticks), countIf(type_name LIKE 'EXECUTE%') FROM {table} GROUP BY symbol, date"
        ),
    );
    let number = |text: &String| text.parse::<i64>().unwrap();
    rows.iter()
        .map(|row| {
            ((row[0].clone(), row[1].clone()), (number(&row[2]) as u64, number(&row[3]), number(&row[4]) as u64))
        })
        .collect()
}

#[test]
fn tables_hold_what_the_logs_hold_at_midday_of_the_second_day_and_after_a_kill() {
    let (clickhouse, folder) = (Server::start("clickhouse.sh", "chdb"), tempdir().unwrap());
    let run = "--seed 42 --days 3 --seconds 300 --chunk-size 256 --securities AAPL:10000,MSFT:15000,GOOG:12000";
    let paced = format!("{run} --realtime --speed 50");
    let child = producer(broker(), "tables", folder.path(), &paced).spawn().unwrap();
    until("the topic", || records(broker(), "tables") > 0);
    let refused = set_up(&clickhouse, "tables", "wrong-pw");
    assert!(!refused.status.success() && said(&refused).contains("Authentication failed"), "{}", said(&refused));
    // A second time changes nothing.
    for _ in 0..2 {
        let output = set_up(&clickhouse, "tables", "exchange-pw");
        assert!(output.status.success(), "{}", said(&output));
    }
    // Two days of 6 seconds and a pause of 5: stopped in the middle of the second day.
    let second_day = "SELECT count() FROM exchange_events WHERE date = '2026-01-05'";
    until("the second day", || ask(&clickhouse, second_day)[0][0].parse::<u64>().unwrap() > 10_000);
    assert!(terminated(child).status.success());
    until("all rows", || {
        ask(&clickhouse, "SELECT count() FROM exchange_events")[0][0] == records(broker(), "tables").to_string()
    });
    // What was written last may not be in the topic yet: compare with as much of each log as is stored.
    let mut events = logged(folder.path());
    for row in ask(&clickhouse, "SELECT symbol, count() FROM exchange_events GROUP BY symbol") {
        events.get_mut(&row[0]).unwrap().truncate(row[1].parse().unwrap());
    }
    assert_eq!(stored(&clickhouse, "exchange_events"), sums(&events));
    let prices = ask(
        &clickhouse,
        "SELECT symbol, best_bid_ticks, best_ask_ticks, midprice_ticks FROM v_current_midprice ORDER BY symbol",
    );
    let expected: Vec<Vec<String>> = events
        .iter()
        .map(|(symbol, events)| {
            let last = |kind| events.iter().rev().find(|(_, event)| event.event_type == kind).unwrap().1.price_ticks;
            let (bid, ask) = (last(EventType::ExecuteSell), last(EventType::ExecuteBuy));
            vec![symbol.clone(), bid.to_string(), ask.to_string(), (f64::from(bid + ask) / 2.0).to_string()]
        })
        .collect();
    assert_eq!(prices, expected);
    // The consumer is killed while the rest comes in.
    clickhouse.does("kill");
    made(producer(broker(), "tables", folder.path(), run));
    clickhouse.again();
    let all = sums(&logged(folder.path()));
    until("the rest", || stored(&clickhouse, "v_exchange_events") == all);
    assert_eq!(ask(&clickhouse, "SELECT count() FROM exchange_events_refused")[0][0], "0");
    // The queries of the page, and those that the original's readers have.
    let queries = statements(include_str!("../../../../docs/EXCHANGE.md"));
    assert_eq!(queries.len(), 3);
    let days: u64 = all.len() as u64;
    let [prices, counts, minutes] = [0, 1, 2].map(|nth: usize| ask(&clickhouse, &queries[nth]));
    assert_eq!((prices.len(), prices[0].len(), counts.len() as u64), (3, 4, 6 * days));
    let distinct = "SELECT count() FROM v_exchange_events WHERE type IN (4, 5)";
    let executions: u64 = all.values().map(|(_, _, executions)| executions).sum();
    assert_eq!(ask(&clickhouse, distinct)[0][0], executions.to_string());
    // Five minutes of three securities on three days; each bar holds what it should.
    assert_eq!(minutes.len() as u64, 5 * days);
    for row in &minutes {
        let price = |column: usize| row[column].parse::<i64>().unwrap();
        let (open, high, low, close) = (price(2), price(3), price(4), price(5));
        assert!(low <= open.min(close) && open.max(close) <= high && price(6) > 0, "{row:?}");
    }
    assert_eq!(ask(&clickhouse, "SELECT * FROM exchange_events LIMIT 10").len(), 10);
}

/// The statements of a page, without the comments between them.
fn statements(page: &str) -> Vec<String> {
    let blocks = page.split("```sql\n").skip(1).map(|block| block.split("```").next().unwrap());
    blocks
        .flat_map(|block| block.split(';'))
        .map(str::trim)
        .filter(|text| !text.is_empty())
        .map(str::to_owned)
        .collect()
}
