//! From the database through the topics into tables: the bars of every interval are those of the database.

use std::process::{Command, Output};

use klined_market::base::Interval;
use tempfile::tempdir;

use crate::support::{Filled, Server, broker, published, put, records, relayed, said, stocks, until, with_topics};

/// Runs a statement, and returns the rows and their columns.
pub fn ask(port: u16, statement: &str) -> Vec<Vec<String>> {
    let mut answer = ureq::post(format!("http://127.0.0.1:{port}/?database=market")).send(statement).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

pub fn number(port: u16, statement: &str) -> i64 {
    ask(port, statement)[0][0].parse().unwrap()
}

/// The program's setup for the topics of a name.
pub fn set_up(port: u16, name: &str, arguments: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_market-relay"));
    command.arg("clickhouse-setup").args(arguments.split_whitespace()).env_clear();
    with_topics(&mut command, broker(), name);
    command.env("CLICKHOUSE_HOST", "127.0.0.1").env("CLICKHOUSE_PORT", port.to_string());
    command.env("CLICKHOUSE_USER", "exchange").env("CLICKHOUSE_PASSWORD", "exchange-pw").env("CLICKHOUSE_DB", "market");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    output
}

/// A bar of a table: symbol, time, prices, volume, turnover, trades.
type Row = (String, i64, [f64; 4], i64, Option<f64>, Option<i64>);

/// The bars of every interval in the tables, which must be those of a database.
pub fn assert_same_bars(port: u16, filled: &Filled) {
    for interval in Interval::ALL {
        let table = if interval == Interval::Minute1 {
            "market_bars FINAL".to_owned()
        } else {
            format!("market_bars_{interval}")
        };
        let columns = "symbol, time, open, high, low, close, volume, turnover, trades";
        let found = ask(port, &format!("SELECT {columns} FROM {table} ORDER BY symbol, time"));
        let found: Vec<Row> = found.iter().map(|row| parsed(row)).collect();
        let bars = filled.bars(interval);
        assert!(!bars.is_empty());
        let expected: Vec<Row> = bars
            .iter()
            .map(|(symbol, bar)| {
                let prices = [bar.open, bar.high, bar.low, bar.close];
                (symbol.to_string(), bar.time.get(), prices, bar.volume, bar.turnover, bar.trades)
            })
            .collect();
        assert_eq!(found.len(), expected.len(), "{interval}");
        let other = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        assert_eq!(other, None, "{interval}");
    }
}

fn parsed(row: &[String]) -> Row {
    let price = |column: usize| row[column].parse().unwrap();
    let prices = [price(2), price(3), price(4), price(5)];
    (row[0].clone(), row[1].parse().unwrap(), prices, row[6].parse().unwrap(), row[7].parse().ok(), row[8].parse().ok())
}

#[test]
fn tables_have_the_bars_of_the_database_for_every_interval_and_its_ticks() {
    let (clickhouse, folder) = (Server::start("clickhouse.sh", "chdb"), tempdir().unwrap());
    let filled = Filled::in_file(folder.path(), stocks(3), "2026-03-31", "2026-03-31");
    for (name, format) in [("tables", "json"), ("packed", "binary")] {
        let begun = format!("--format {format}");
        relayed(broker(), name, &filled.url, &begun);
        // A second time changes nothing.
        for _ in 0..2 {
            set_up(clickhouse.port, name, &begun);
        }
        filled.up_to("2026-03-31", "2026-04-01");
        relayed(broker(), name, &filled.url, &begun);
        let (bars, ticks) = (format!("{name}-bars"), format!("{name}-ticks"));
        until("all bars", || number(clickhouse.port, "SELECT count() FROM market_bars") == records(broker(), &bars));
        let both = "SELECT (SELECT count() FROM market_trades) + (SELECT count() FROM market_quotes)";
        until("all ticks", || number(clickhouse.port, both) == records(broker(), &ticks));
        assert_same_bars(clickhouse.port, &filled);
        // Bars that come twice change nothing.
        ask(clickhouse.port, "INSERT INTO market_bars SELECT * FROM market_bars WHERE time % 7 = 0");
        assert_same_bars(clickhouse.port, &filled);
        // The trades of a minute are its bar.
        let differing = "SELECT count() FROM (SELECT symbol, intDiv(time_ns, 60000000000) * 60 AS time, argMin(price, id) AS o, max(price) AS h,
                min(price) AS l, argMax(price, id) AS c, sum(shares) AS v, count() AS n FROM market_trades FINAL GROUP BY symbol, time) AS made
            JOIN (SELECT * FROM market_bars FINAL) AS bars ON made.symbol = bars.symbol AND made.time = bars.time
            WHERE (o, h, l, c, v, n) != (open, high, low, close, volume, assumeNotNull(trades))";
        assert_eq!(number(clickhouse.port, differing), 0);
        let traded = "SELECT sum(trades) FROM market_bars FINAL";
        assert_eq!(number(clickhouse.port, traded), number(clickhouse.port, "SELECT count() FROM market_trades FINAL"));
        assert_eq!(number(clickhouse.port, "SELECT count() FROM market_quotes WHERE bid = 0 AND ask = 0"), 0);
        assert_eq!(number(clickhouse.port, "SELECT count() FROM market_records_refused"), 0);
        // What is no record is kept apart.
        let last = published(broker(), &bars).last().unwrap().clone();
        put(broker(), &bars, Some(last.partition), &last.key, b"hello");
        until("the refusal", || number(clickhouse.port, "SELECT count() FROM market_records_refused") == 1);
        assert_same_bars(clickhouse.port, &filled);
        if name == "tables" {
            for query in statements(include_str!("../../../../docs/KAFKA.md")) {
                assert!(!ask(clickhouse.port, &query).is_empty(), "{query}");
            }
        }
        ask(clickhouse.port, "DROP DATABASE market");
    }
}

/// The statements of a page.
fn statements(page: &str) -> Vec<String> {
    let blocks: Vec<&str> = page.split("```sql\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    assert!(!blocks.is_empty());
    let texts = blocks.iter().flat_map(|block| block.split(';')).map(str::trim);
    texts.filter(|text| !text.is_empty()).map(str::to_owned).collect()
}
