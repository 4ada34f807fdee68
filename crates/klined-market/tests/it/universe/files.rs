//! Universes as CSV: what is read back as it was written, and every fault by its line and column.

use klined_market::calendar::Hours;
use klined_market::universe::{InvalidUniverse, UniverseChoice, UniverseRow, csv, demo, synth};
use klined_testing::market::{as_csv, stocks};
use proptest::prelude::*;

const HEADER: &str = "symbol,name,sector,base_price,base_volatility";

fn fault(text: impl AsRef<[u8]>) -> String {
    csv::read(text.as_ref()).unwrap_err().to_string()
}

/// A field of printable text without blanks at its ends.
fn words(length_max: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(any::<char>().prop_filter("printable", |c| !c.is_control()), 1..=length_max)
        .prop_map(|chars| chars.into_iter().collect::<String>().trim().to_owned())
        .prop_filter("not blank", |text| !text.is_empty())
}

fn row() -> impl Strategy<Value = UniverseRow> {
    let boards = prop::sample::select(vec!["free", "main", "chinext", "star", "beijing"]);
    let numbers =
        (1..=9_999_999_999_i64, 1..=10_000_i32, 1..=50_000_i32, 1..=1_000_000_000_000_000_i64, -100_000..=100_000_i32);
    ("[A-Z0-9.]{1,20}", words(100), words(50), numbers, boards, any::<(bool, bool)>(), any::<(bool, bool)>()).prop_map(
        |(symbol, name, sector, (ticks, volatility, beta, turnover, drift), board, (is_st, is_active), has_bounds)| {
            UniverseRow {
                symbol,
                name,
                sector,
                base_price: ticks as f64 / 100.0,
                base_volatility: f64::from(volatility) / 10_000.0,
                board: board.to_owned(),
                is_st,
                beta: f64::from(beta) / 10_000.0,
                daily_turnover: turnover as f64 / 100.0,
                is_active,
                drift: f64::from(drift) / 10_000.0,
                min_price: has_bounds.0.then_some(0.01),
                max_price: has_bounds.1.then_some(ticks as f64 / 100.0),
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(rows in prop::collection::btree_map("[A-Z]{1,20}", row(), 1..20)) {
        let rows: Vec<UniverseRow> =
            rows.into_iter().map(|(symbol, row)| UniverseRow { symbol, ..row }).collect();
        let text = as_csv(&rows);
        prop_assert_eq!(csv::read(text.as_bytes()), Ok(rows.clone()));
        let windows = format!("\u{feff}{}", text.replace('\n', "\r\n"));
        prop_assert_eq!(csv::read(windows.as_bytes()), Ok(rows));
    }

    #[test]
    fn no_bytes_make_the_reader_fail_in_another_way(bytes: Vec<u8>, kept in 0..400_usize) {
        let _ = csv::read(&bytes);
        let mut text = as_csv(&demo()).into_bytes();
        text.splice(kept.min(text.len()).., bytes);
        let _ = csv::read(&text);
    }
}

#[test]
fn our_own_universes_are_read_back() {
    for rows in [stocks(5429, 42), stocks(1, 0)] {
        assert_eq!(csv::read(as_csv(&rows).as_bytes()), Ok(rows));
    }
    let mut sorted = demo();
    sorted.sort_by(|a, b| a.symbol.cmp(&b.symbol));
    assert_eq!(csv::read(as_csv(&demo()).as_bytes()), Ok(sorted));
}

#[test]
fn columns_may_come_in_any_order_and_those_left_out_or_empty_have_their_defaults() {
    let short = format!("{HEADER}\nACME,\"Acme, \"\"the\"\" maker\",Toys,42,0.03\n");
    let expected = csv::read(short.as_bytes()).unwrap();
    let row = &expected[0];
    assert_eq!((&*row.name, row.base_price, row.base_volatility), ("Acme, \"the\" maker", 42.0, 0.03));
    assert_eq!(
        (&*row.board, row.is_st, row.beta, row.daily_turnover, row.is_active),
        ("free", false, 1.0, 149.0e6, true)
    );
    assert_eq!((row.drift, row.min_price, row.max_price), (0.0, None, None));
    for other in [
        "base_volatility,sector,symbol,base_price,name\n0.0300,Toys,ACME,42.00,\"Acme, \"\"the\"\" maker\"",
        "symbol, name, sector, base_price, base_volatility, board, is_st, beta, daily_turnover, is_active\n\n\
         ACME ,\"Acme, \"\"the\"\" maker\" ,Toys, 42.0, 0.03,,,,,\n\n",
        "is_active,symbol,name,sector,base_price,base_volatility\r\nTRUE,ACME,\"Acme, \"\"the\"\" maker\",Toys,42,.03"
            .replace(",.03", ",0.03")
            .as_str(),
    ] {
        assert_eq!(csv::read(other.as_bytes()).as_ref(), Ok(&expected), "{other}");
    }
    let full = "symbol,name,sector,base_price,base_volatility,board,is_st,beta,daily_turnover,is_active\n\
                600001,A,,1,1,star,1,1.25,0.5,f";
    let row = &csv::read(full.as_bytes()).unwrap()[0];
    assert_eq!((&*row.board, row.is_st, row.beta, row.daily_turnover, row.is_active), ("star", true, 1.25, 0.5, false));
    let bounded = format!("{HEADER},drift,min_price,max_price\nA,a,,1,0.1,-0.05,0.5,2");
    let row = &csv::read(bounded.as_bytes()).unwrap()[0];
    assert_eq!((row.drift, row.min_price, row.max_price), (-0.05, Some(0.5), Some(2.0)));
}

#[test]
fn a_fault_is_named_by_its_line_column_and_value() {
    let long = "x".repeat(101);
    let cases: Vec<(String, &[&str])> = vec![
        (String::new(), &["empty", HEADER]),
        ("\n\r\n".to_owned(), &["empty"]),
        (format!("{HEADER}\n\n"), &["no stock"]),
        (format!("{HEADER},colour\nA,a,,1,0.1,red"), &["line 1", "\"colour\"", "daily_turnover"]),
        (format!("{HEADER},name\nA,a,,1,0.1,b"), &["line 1", "name is named twice"]),
        ("symbol,name,sector,base_price\nA,a,,1".to_owned(), &["line 1", "base_volatility is missing"]),
        (format!("{HEADER}\nA,a,,1,0.1\nB,b,,1"), &["line 3", "4 fields", "5"]),
        (format!("{HEADER}\nA,a,,1,0.1,\n"), &["line 2", "6 fields"]),
        (format!("{HEADER}\nA,a,,1,0.1\n\n\nB,b,,x,0.1"), &["line 5", "base_price", "\"x\""]),
        (format!("{HEADER}\r\nA,a,,1,0.1\r\n\r\nB,b,,x,0.1"), &["line 4", "base_price", "\"x\""]),
        (format!("{HEADER}\nA,a,,,0.1"), &["line 2", "base_price", "\"\""]),
        (format!("{HEADER}\nA,a,,1.234,0.1"), &["line 2", "base_price", "1.234", "2 decimals"]),
        (format!("{HEADER}\nA,a,,-1,0.1"), &["line 2", "base_price", "-1"]),
        (format!("{HEADER}\nA,a,,1e3,0.1"), &["line 2", "base_price", "1e3"]),
        (format!("{HEADER}\nA,a,,NaN,0.1"), &["line 2", "base_price", "NaN"]),
        (format!("{HEADER}\nA,a,,0,0.1"), &["line 2", "base_price 0 "]),
        (format!("{HEADER}\nA,a,,100000000,0.1"), &["line 2", "base_price 100000000 "]),
        (format!("{HEADER}\nA,a,,1,1.5"), &["line 2", "base_volatility 1.5 "]),
        (format!("{HEADER}\nA,a,,1,0"), &["line 2", "base_volatility 0 "]),
        (format!("{HEADER}\nA,a,,1,0.00001"), &["line 2", "base_volatility", "0.00001", "4 decimals"]),
        (format!("{HEADER}\n\"A B\",a,,1,0.1"), &["line 2", "\"A B\" is not a symbol"]),
        (format!("{HEADER}\n,a,,1,0.1"), &["line 2", "\"\" is not a symbol"]),
        (format!("{HEADER}\nA,,,1,0.1"), &["line 2", "column name", "must not be empty"]),
        (format!("{HEADER}\nA,{long},,1,0.1"), &["line 2", "column name", "101 characters", "100"]),
        (format!("{HEADER}\nA,a,{long},1,0.1"), &["line 2", "column sector", "101 characters", "50"]),
        (format!("{HEADER}\nA,\"a\nb\",,1,0.1"), &["line 2", "column name", "line break"]),
        (format!("{HEADER}\nA,\"a,,1,0.1\nB,b,,1,0.1"), &["line 2", "2 fields"]),
        (format!("{HEADER},board\nA,a,,1,0.1,nasdaq"), &["line 2", "board", "\"nasdaq\"", "chinext"]),
        (format!("{HEADER},is_st\nA,a,,1,0.1,maybe"), &["line 2", "is_st", "\"maybe\"", "true or false"]),
        (format!("{HEADER},is_active\nA,a,,1,0.1,2"), &["line 2", "is_active", "\"2\""]),
        (format!("{HEADER},beta\nA,a,,1,0.1,6"), &["line 2", "beta 6 "]),
        (format!("{HEADER},beta\nA,a,,1,0.1,one"), &["line 2", "beta", "\"one\""]),
        (format!("{HEADER},daily_turnover\nA,a,,1,0.1,0"), &["line 2", "daily_turnover 0 "]),
        (format!("{HEADER},daily_turnover\nA,a,,1,0.1,10000000000001"), &["line 2", "daily_turnover 10000000000001 "]),
        (format!("{HEADER},drift\nA,a,,1,0.1,10.5"), &["line 2", "drift 10.5 "]),
        (format!("{HEADER},drift\nA,a,,1,0.1,--1"), &["line 2", "drift", "\"--1\"", "-0.05"]),
        (format!("{HEADER},drift\nA,a,,1,0.1,5%"), &["line 2", "drift", "\"5%\""]),
        (
            format!("{HEADER},min_price\nA,a,,1,0.1,1.01"),
            &["line 2", "min_price 1.01 ", "max_price (none)", "base_price 1.00"],
        ),
        (format!("{HEADER},max_price\nA,a,,1,0.1,0.99"), &["line 2", "max_price 0.99 "]),
        (format!("{HEADER},min_price,max_price\nA,a,,1,0.1,2,1"), &["line 2", "min_price 2 ", "max_price 1 "]),
        (format!("{HEADER},max_price\nA,a,,1,0.1,100000000"), &["line 2", "max_price 100000000 "]),
        (format!("{HEADER},min_price\nA,a,,1,0.1,-1"), &["line 2", "min_price", "\"-1\""]),
        (format!("{HEADER}\nA,a,,1,0.1\nB,b,,1,0.1\nA,c,,1,0.1"), &["line 4", "A is already on line 2"]),
    ];
    for (text, expected) in cases {
        let found = fault(&text);
        assert!(expected.iter().all(|words| found.contains(words)), "{text}\n{found}\n{expected:?}");
    }
    let found = fault(b"symbol,name,sector,base_price,base_volatility\nA,Caf\xe9,,1,0.1");
    assert!(found.contains("line 2, column name") && found.contains("UTF-8"), "{found}");
    let found = fault(b"\xff\xfes\0y\0");
    assert!(found.contains("line 1, column 1") && found.contains("UTF-8"), "{found}");
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let stocks =
        |count: usize| (0..count).fold(HEADER.to_owned(), |text, place| text + &format!("\nS{place},a,,1,0.1"));
    assert_eq!(csv::read(stocks(csv::STOCKS_MAX).as_bytes()).unwrap().len(), csv::STOCKS_MAX);
    let found = fault(stocks(csv::STOCKS_MAX + 1));
    assert!(found.contains("line 20002") && found.contains("more than 20000 stocks"), "{found}");
    let found = fault(vec![b'a'; csv::BYTES_MAX + 1]);
    assert!(found.contains("more than 16777216 bytes"), "{found}");
}

#[test]
fn the_first_apis_stocks_are_valid_and_in_order_of_symbol() {
    for hours in Hours::ALL {
        assert_eq!(csv::read(as_csv(&synth(hours)).as_bytes()), Ok(synth(hours)), "{hours}");
        // Rounded to four decimals they are the annual volatilities all the same.
        for (row, annual) in synth(hours).iter().zip([0.25, 0.15, 0.18, 0.20, 0.30]) {
            let found = row.base_volatility * hours.days_per_year().sqrt();
            assert!((found / annual - 1.0).abs() < 0.01, "{hours} {}: {found}", row.symbol);
        }
    }
    let rows = synth(Hours::Nyse);
    let shown: Vec<_> = rows
        .iter()
        .map(|row| format!("{} {:.2} {} {}", row.symbol, row.base_price, row.drift, row.base_volatility))
        .collect();
    let expected = [
        "ENERGY 65.00 0.02 0.0158",
        "FINANCE 85.00 0.03 0.0095",
        "HEALTH 180.00 0.06 0.0114",
        "SYNTH 150.00 0.05 0.0126",
        "TECH 320.00 0.08 0.0189",
    ];
    assert_eq!(shown, expected);
    assert!(rows.iter().all(|row| (row.min_price, row.max_price) == (Some(10.0), Some(1000.0))));
}

#[test]
fn a_choice_reads_what_it_prints() {
    for text in ["demo", "synth", "ashare:1", "ashare:5429", "stocks.csv", "./demo", "/dev/fd/63"] {
        assert_eq!(text.parse::<UniverseChoice>().unwrap().to_string(), text);
    }
    assert_eq!("".parse::<UniverseChoice>(), Err(InvalidUniverse::Empty));
}
