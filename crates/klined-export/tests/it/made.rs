//! Exports from a seed, without a database.

use std::fs;

use super::{Place, names, text};

const MARKET: &str = "--seed 31 --universe demo --from 2026-03-02 --to 2026-03-03";

#[test]
fn bars_are_the_same_in_a_file_and_on_standard_output_and_no_database_is_made() {
    let place = Place::new();
    for format in ["csv", "jsonl", "parquet"] {
        place.succeeds(&format!("bars {MARKET} --interval 5m --out x.{format}"));
        let printed = place.succeeds(&format!("bars {MARKET} --interval 5m --format {format} --threads 3 --out -"));
        assert!(fs::read(place.path(&format!("x.{format}"))).unwrap() == printed, "{format}");
    }
    let lines = fs::read_to_string(place.path("x.csv")).unwrap();
    assert_eq!(lines.lines().count(), 1 + 10 * 2 * 48);
    assert_eq!(place.names(), ["x.csv", "x.jsonl", "x.parquet"]);
}

#[test]
fn each_command_has_its_columns() {
    let place = Place::new();
    for (words, header) in [
        (
            format!("bars {MARKET} --symbols AAPL --interval 1d"),
            "symbol,time,open,high,low,close,volume,turnover,trades",
        ),
        (format!("trades {MARKET} --symbols AAPL"), "symbol,time,id,price,size,side"),
        (format!("quotes {MARKET} --symbols AAPL,V"), "symbol,time,id,bid,bid_size,ask,ask_size"),
        (
            "universe --seed 31 --universe ashare:5".to_owned(),
            "symbol,name,sector,base_price,base_volatility,board,is_st,beta,daily_turnover,is_active,drift,min_price,max_price",
        ),
        (
            "calendar --from 2026-03-02 --to 2026-03-31 --calendar nyse".to_owned(),
            "date,session,open,close,minutes,is_projected",
        ),
    ] {
        let printed = text(&place.succeeds(&format!("{words} --format csv --out -")));
        assert_eq!(printed.lines().next(), Some(header), "{words}");
        assert!(printed.lines().count() > 2, "{words}");
    }
}

#[test]
fn bars_have_the_columns_of_a_library_where_that_is_asked_for() {
    let place = Place::new();
    let printed =
        place.succeeds(&format!("bars {MARKET} --symbols V --interval 1d --layout tushare --format csv --out -"));
    let printed = text(&printed);
    let mut lines = printed.lines();
    assert_eq!(lines.next(), Some("ts_code,trade_date,open,high,low,close,pre_close,change,pct_chg,vol,amount"));
    assert!(lines.next().is_some_and(|line| line.starts_with("V,20260302,")), "{printed}");
    place.succeeds(&format!("bars {MARKET} --layout vnpy --format parquet --partition date --out vnpy"));
    assert_eq!(names(&place.path("vnpy")).len(), 2);
}

#[test]
fn directories_are_partitioned() {
    let place = Place::new();
    place.succeeds(&format!("bars {MARKET} --format parquet --partition date,symbol --out all"));
    assert_eq!(names(&place.path("all")), ["date=2026-03-02", "date=2026-03-03"]);
    assert_eq!(names(&place.path("all/date=2026-03-03")).len(), 10);
    place.succeeds(&format!("trades {MARKET} --symbols AAPL,V --format csv --partition symbol --out trades"));
    assert_eq!(names(&place.path("trades")), ["symbol=AAPL", "symbol=V"]);
    assert_eq!(place.names(), ["all", "trades"]);
}

#[test]
fn flags_change_labels_prices_and_listings() {
    let place = Place::new();
    let line = |flags: &str| {
        let words = format!("bars {MARKET} --symbols AAPL --interval 120m --format csv --out - {flags}");
        text(&place.succeeds(&words)).lines().nth(1).unwrap().to_owned()
    };
    assert!(line("").starts_with("AAPL,2026-03-02T09:30:00+08:00,150.0,"), "{}", line(""));
    assert!(line("--label end").starts_with("AAPL,2026-03-02T11:30:00+08:00,150.0,"));
    assert!(line("--prices decimal").starts_with("AAPL,2026-03-02T09:30:00+08:00,150.00,"));
    assert!(!line("--listed 2026-01-05").contains(",150.0,"));
    assert_ne!(line("--model gbm"), line(""));
    assert!(line("--calendar nyse").starts_with("AAPL,2026-03-02T09:30:00-05:00,150.0,"));
}

#[test]
fn what_cannot_be_obeyed_is_refused_by_its_name_and_nothing_is_written() {
    let place = Place::new();
    fs::write(place.path("mine.csv"), "mine").unwrap();
    fs::create_dir(place.path("mine")).unwrap();
    fs::write(place.path("mine/x"), "mine").unwrap();
    let before = place.names();
    for (words, named) in [
        (format!("bars {MARKET} --symbols AAPL,XYZ --out x.csv"), "no stock XYZ in the universe demo"),
        (format!("bars {MARKET} --symbols A,,B --out x.csv"), "is not a symbol"),
        ("bars --seed 1 --from 2101-01-01 --to 2101-02-01 --out x.csv".to_owned(), "the calendar covers"),
        ("bars --seed 1 --from 2026-03-07 --to 2026-03-08 --out x.csv".to_owned(), "no trading day"),
        ("bars --seed 1 --from 2026-03-09 --to 2026-03-08 --out x.csv".to_owned(), "is later than the last day"),
        ("bars --seed 1 --strict-calendar --from 2026-03-09 --to 2027-03-08 --out x.csv".to_owned(), "covers"),
        (format!("bars {MARKET} --listed 2026-03-03 --out x.csv"), "listed on 2026-03-03"),
        (format!("bars {MARKET} --out mine.csv"), "mine.csv exists already"),
        (format!("bars {MARKET} --format csv --out mine"), "mine is a directory"),
        (format!("bars {MARKET} --format csv --partition date --out mine"), "directory mine is not empty"),
        (format!("bars {MARKET} --format csv --partition date --out mine.csv"), "mine.csv is a file"),
        (format!("bars {MARKET} --out none/x.csv"), "cannot write in none"),
        (format!("bars {MARKET} --out mine.csv/x.csv"), "cannot write in mine.csv"),
        (format!("bars {MARKET} --out x.xls"), "--out x.xls does not name a format"),
        (format!("bars {MARKET} --out -"), "--out - does not name a format"),
        (format!("bars {MARKET} --format csv --partition date --out -"), "--partition"),
        (format!("bars {MARKET} --format csv --overwrite --out -"), "--overwrite"),
        (format!("bars {MARKET} --format csv --overwrite --partition date --out y"), "--overwrite"),
        (format!("bars {MARKET} --partition month --out y"), "is not a partition"),
        (format!("bars {MARKET} --format xls --out x"), "is not a format"),
        (format!("bars {MARKET} --interval 1h --out x.csv"), "1h"),
        (format!("bars {MARKET} --prices money --out x.csv"), "is not a type of prices"),
        (format!("bars {MARKET} --label middle --out x.csv"), "is not a label"),
        (format!("bars {MARKET} --layout pandas --out x.csv"), "is not a layout"),
        (format!("bars {MARKET} --layout vnpy --interval 5m --out x.csv"), "vnpy has no bars of 5m"),
        (format!("bars {MARKET} --layout qlib --label end --out x.csv"), "--label"),
        (format!("bars {MARKET} --layout qlib --prices decimal --out x.csv"), "--prices decimal"),
        (
            format!("bars {MARKET} --layout tushare --interval 1d --format csv --partition date --out y"),
            "--partition symbol",
        ),
        (format!("bars {MARKET} --threads 0 --out x.csv"), "--threads"),
        (format!("bars {MARKET} --row-group 0 --out x.csv"), "--row-group"),
        (format!("bars {MARKET} --db-url sqlite:///none.db --out x.csv"), "leave out --db-url"),
        (format!("bars {MARKET} --model gbm --scenario none.toml --out x.csv"), "none.toml"),
        (format!("bars {MARKET} --universe none.csv --out x.csv").replacen("--universe demo ", "", 1), "none.csv"),
        ("bars --universe demo --out x.csv".to_owned(), "--seed"),
        ("bars --out x.csv".to_owned(), "there is no database"),
        ("bars --db-url sqlite:///none.db --out x.csv".to_owned(), "there is no database"),
        ("bars --seed x --out x.csv".to_owned(), "--seed"),
        ("bars --seed 1".to_owned(), "--out"),
        ("calendar --from 1980-01-01 --to 2026-03-02 --out x.csv".to_owned(), "the calendar covers"),
    ] {
        let said = place.fails(&words);
        assert!(said.contains(named), "{words}: {said}");
        assert_eq!(place.names(), before, "{words}");
    }
    assert_eq!(fs::read_to_string(place.path("mine.csv")).unwrap(), "mine");
    assert_eq!(names(&place.path("mine")), ["x"]);
}

#[test]
fn a_file_is_replaced_where_that_is_asked_for() {
    let place = Place::new();
    fs::write(place.path("x.csv"), "mine").unwrap();
    place.succeeds(&format!("bars {MARKET} --symbols V --interval 1d --overwrite --out x.csv"));
    assert_eq!(fs::read_to_string(place.path("x.csv")).unwrap().lines().count(), 3);
    assert_eq!(place.names(), ["x.csv"]);
}

#[test]
fn projected_days_are_named() {
    let place = Place::new();
    let output = place.run("bars --seed 1 --symbols V --interval 1d --from 2027-03-01 --to 2027-03-05 --out x.csv");
    assert!(output.status.success());
    assert!(text(&output.stderr).contains("the holidays after 2026-12-31 are projected"), "{}", text(&output.stderr));
}
