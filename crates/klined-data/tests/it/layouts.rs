//! Layouts: the columns, names and units of other libraries, with the numbers of the bars.

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use klined_data::columns::{Dataset, Layout, Style};
use klined_data::files::{FileFormat, SheetStyle, SingleFile};
use klined_data::market::MadeMarket;
use klined_data::pipeline::Cut;
use klined_market::base::Interval;
use tempfile::TempDir;

use super::{demo, many, pieces};

fn rows(market: &MadeMarket, interval: Interval, layout: Option<Layout>) -> RecordBatch {
    let style = Style { layout, ..Style::default() };
    pieces(market, Dataset::Bars(interval), style, 2, Cut::default()).remove(0).2
}

fn floats(batch: &RecordBatch, name: &str) -> Vec<Option<f64>> {
    batch.column_by_name(name).unwrap().as_primitive::<Float64Type>().iter().collect()
}

fn counts(batch: &RecordBatch, name: &str) -> Vec<i64> {
    batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().values().to_vec()
}

/// Header and first line of a layout as CSV.
fn lines(market: &MadeMarket, interval: Interval, layout: Layout) -> [String; 2] {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("x.csv");
    let batch = rows(market, interval, Some(layout));
    let mut file = SingleFile::begin(&path, false, SheetStyle::new(FileFormat::Csv), batch.schema_ref()).unwrap();
    file.write(&batch).unwrap();
    file.finish().unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines().map(str::to_owned);
    [lines.next().unwrap(), lines.next().unwrap()]
}

#[test]
fn names_and_times_are_those_of_the_library() {
    let market = many(3);
    let first = rows(&market, Interval::Day, None).column(0).as_string::<i32>().value(0).to_owned();
    assert!(first.starts_with('0') || first.starts_with('3'), "{first} is of Shenzhen");
    for (layout, interval, header, begin) in [
        (
            Layout::Akshare,
            Interval::Day,
            "日期,股票代码,开盘,收盘,最高,最低,成交量,成交额,振幅,涨跌幅,涨跌额,换手率",
            format!("2026-03-02,{first},"),
        ),
        (
            Layout::Akshare,
            Interval::Minute5,
            "时间,开盘,收盘,最高,最低,涨跌幅,涨跌额,成交量,成交额,振幅,换手率",
            "2026-03-02 09:35:00,".to_owned(),
        ),
        (
            Layout::Akshare,
            Interval::Minute1,
            "时间,开盘,收盘,最高,最低,成交量,成交额,均价",
            "2026-03-02 09:31:00,".to_owned(),
        ),
        (
            Layout::Tushare,
            Interval::Day,
            "ts_code,trade_date,open,high,low,close,pre_close,change,pct_chg,vol,amount",
            format!("{first}.SZ,20260302,"),
        ),
        (
            Layout::Tushare,
            Interval::Minute30,
            "ts_code,trade_time,open,close,high,low,vol,amount",
            format!("{first}.SZ,2026-03-02 10:00:00,"),
        ),
        (
            Layout::Qlib,
            Interval::Day,
            "date,symbol,open,close,high,low,volume,factor",
            format!("2026-03-02,SZ{first},"),
        ),
        (
            Layout::Qlib,
            Interval::Minute1,
            "date,symbol,open,close,high,low,volume,factor",
            format!("2026-03-02 09:30:00,SZ{first},"),
        ),
        (
            Layout::Yfinance,
            Interval::Day,
            "Date,Ticker,Open,High,Low,Close,Volume,Dividends,Stock Splits",
            format!("2026-03-02T00:00:00+08:00,{first},"),
        ),
        (
            Layout::Yfinance,
            Interval::Minute1,
            "Datetime,Ticker,Open,High,Low,Close,Volume,Dividends,Stock Splits",
            format!("2026-03-02T09:30:00+08:00,{first},"),
        ),
        (
            Layout::Vnpy,
            Interval::Minute60,
            "symbol,exchange,datetime,interval,volume,turnover,open_interest,open_price,high_price,low_price,close_price",
            format!("{first},SZSE,2026-03-02T09:30:00,1h,"),
        ),
    ] {
        let [found, line] = lines(&market, interval, layout);
        assert_eq!(found, header, "{layout} {interval}");
        assert!(line.starts_with(&begin), "{layout} {interval}: {line}");
    }
    let [_, line] = lines(&demo(&["AAPL"], "2026-03-02", "2026-03-03").unwrap(), Interval::Day, Layout::Vnpy);
    assert!(line.starts_with("AAPL,SMART,"), "{line}");
}

#[test]
fn numbers_are_those_of_the_bars_in_the_units_of_the_library() {
    let market = many(30);
    let bars = rows(&market, Interval::Day, None);
    let (closes, volumes, turnovers) = (floats(&bars, "close"), counts(&bars, "volume"), floats(&bars, "turnover"));
    let akshare = rows(&market, Interval::Day, Some(Layout::Akshare));
    assert_eq!(floats(&akshare, "收盘"), closes);
    assert_eq!(floats(&akshare, "成交额"), turnovers);
    let lots: Vec<i64> = volumes.iter().map(|shares| (*shares as f64 / 100.0).round() as i64).collect();
    assert_eq!(counts(&akshare, "成交量"), lots);
    let tushare = rows(&market, Interval::Day, Some(Layout::Tushare));
    assert_eq!(floats(&tushare, "vol"), volumes.iter().map(|shares| Some(*shares as f64 / 100.0)).collect::<Vec<_>>());
    let thousands = turnovers.iter().map(|units| units.map(|units| units / 1_000.0)).collect::<Vec<_>>();
    assert_eq!(floats(&tushare, "amount"), thousands);
    // Two days of each stock: the first has none before it.
    let (before, change, percent) =
        (floats(&tushare, "pre_close"), floats(&tushare, "change"), floats(&tushare, "pct_chg"));
    for at in (0..bars.num_rows()).step_by(2) {
        assert_eq!((before[at], change[at], percent[at]), (None, None, None));
        let (first, second) = (closes[at].unwrap(), closes[at + 1].unwrap());
        assert_eq!(before[at + 1], Some(first));
        assert!((change[at + 1].unwrap() - (second - first)).abs() < 0.005);
        assert!((percent[at + 1].unwrap() - (second / first - 1.0) * 100.0).abs() < 0.00005);
    }
    for (layout, name) in [(Layout::Qlib, "volume"), (Layout::Yfinance, "Volume"), (Layout::Vnpy, "volume")] {
        assert_eq!(counts(&rows(&market, Interval::Day, Some(layout)), name), volumes, "{layout}");
    }
}

#[test]
fn the_mean_price_of_a_minute_is_that_since_the_open() {
    let market = demo(&["AAPL"], "2026-03-02", "2026-03-03").unwrap();
    let (bars, akshare) =
        (rows(&market, Interval::Minute1, None), rows(&market, Interval::Minute1, Some(Layout::Akshare)));
    let (volumes, turnovers) = (counts(&bars, "volume"), floats(&bars, "turnover"));
    let means = floats(&akshare, "均价");
    for day in [0, 240] {
        let (mut volume, mut turnover) = (0, 0.0);
        for at in day..day + 240 {
            volume += volumes[at];
            turnover += turnovers[at].unwrap();
            assert!((means[at].unwrap() - turnover / volume as f64).abs() <= 0.0005, "{at}");
        }
    }
}

#[test]
fn intervals_that_a_library_does_not_have_are_refused() {
    for (layout, interval) in
        [(Layout::Vnpy, Interval::Minute5), (Layout::Qlib, Interval::Minute5), (Layout::Akshare, Interval::Minute120)]
    {
        let error = layout.require(interval).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{layout} has no bars of {interval}; it has 1m")), "{error}");
    }
    assert!(Layout::ALL.iter().all(|layout| layout.require(Interval::Day).is_ok()));
    assert!(Layout::Tushare.looks_back(Interval::Day) && !Layout::Tushare.looks_back(Interval::Minute5));
}
