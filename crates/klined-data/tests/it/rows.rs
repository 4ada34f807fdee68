//! The rows: those of the market, in one order, for any threads and cuts.

use arrow_array::cast::AsArray;
use arrow_array::types::{Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType, TimestampNanosecondType};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use klined_data::columns::{Dataset, Label, Prices, Style};
use klined_data::market::{Listed, MadeMarket};
use klined_data::pipeline::{BATCH_ROWS, Cut};
use klined_data::tables;
use klined_market::bars::{Bar, Rollup, SymbolRun};
use klined_market::base::{Interval, Seed, Symbol, UnixSeconds};
use klined_market::calendar::{Calendar, Hours};
use klined_market::universe::Universe;
use klined_testing::{SHANGHAI, date, market::full};

use super::{batches, choice, demo, many, pieces};

/// Symbol, label in Unix seconds, four prices in currency units, volume, turnover in currency units, number of trades.
type Row = (String, i64, [f64; 4], i64, f64, i64);

fn rows(batches: &[RecordBatch]) -> Vec<Row> {
    let mut rows = Vec::new();
    for batch in batches {
        let column = |name: &str| batch.column_by_name(name).unwrap();
        let times = column("time").as_primitive::<TimestampMicrosecondType>();
        let prices = ["open", "high", "low", "close"].map(|name| column(name).as_primitive::<Float64Type>());
        let symbols = column("symbol").as_string::<i32>();
        let counts = ["volume", "trades"].map(|name| column(name).as_primitive::<Int64Type>());
        let turnovers = column("turnover").as_primitive::<Float64Type>();
        assert_eq!(turnovers.null_count() + counts[1].null_count(), 0);
        rows.extend((0..batch.num_rows()).map(|at| {
            let label = times.value(at);
            assert_eq!(label % 1_000_000, 0);
            let [volume, trades] = counts.map(|column| column.value(at));
            let prices = prices.map(|column| column.value(at));
            (symbols.value(at).to_owned(), label / 1_000_000, prices, volume, turnovers.value(at), trades)
        }));
    }
    rows
}

fn row(symbol: &Symbol, bar: &Bar) -> Row {
    let Bar { first, ohlcv } = bar;
    let prices = [ohlcv.open(), ohlcv.high(), ohlcv.low(), ohlcv.close()].map(|price| price.units());
    let traded = ohlcv.traded().unwrap();
    (symbol.to_string(), first.start().get(), prices, ohlcv.volume(), traded.turnover_units(), traded.trades())
}

/// The bars as the library's own run makes them, from a first day to the end of another one.
fn by_run(seed: u64, symbol: &str, first_day: &str, last_day: &str) -> Vec<(Symbol, Bar)> {
    let row = Universe::demo().rows(Seed(seed), Hours::Sse).into_iter().find(|row| row.symbol == symbol).unwrap();
    let instrument = row.instrument().unwrap();
    let mut run = SymbolRun::list(full(seed), instrument, date(first_day));
    let mut bars = Vec::new();
    for &day in SHANGHAI.days(date(first_day), date(last_day)) {
        if run.day() < day {
            run.open_day(instrument, day);
        }
        run.bars_until(&SHANGHAI, u16::MAX, &mut bars).unwrap();
    }
    bars
}

#[test]
fn minutes_are_those_of_the_run() {
    let market = demo(&["AAPL", "V"], "2026-03-02", "2026-03-06").unwrap();
    let made = rows(&batches(&market, Dataset::Bars(Interval::Minute1), 2));
    let wanted = ["AAPL", "V"].map(|symbol| by_run(31, symbol, "2026-03-02", "2026-03-06")).concat();
    assert_eq!(made.len(), 2 * 5 * 240);
    assert_eq!(made, wanted.iter().map(|(symbol, bar)| row(symbol, bar)).collect::<Vec<_>>());
}

#[test]
fn longer_bars_are_the_roll_up_and_whole_to_the_end_of_their_week_and_month() {
    // The last day of the range is a Wednesday in mid-month; the runs go on to the month's end.
    let market = demo(&["AAPL"], "2026-03-02", "2026-03-18").unwrap();
    let minutes = by_run(31, "AAPL", "2026-03-02", "2026-03-31");
    for interval in Interval::ROLLED {
        let made = rows(&batches(&market, Dataset::Bars(interval), 1));
        let mut wanted = Vec::new();
        let mut rollup = Rollup::new(&SHANGHAI);
        let mut take = |of: Interval, bar: Bar| {
            let day = SHANGHAI.day_of(bar.first);
            wanted.extend((of == interval && day <= date("2026-03-18")).then(|| row(&minutes[0].0, &bar)));
        };
        minutes.iter().for_each(|(_, bar)| rollup.push(bar, &mut take));
        rollup.current().for_each(|(of, bar)| take(of, bar));
        assert_eq!(made, wanted, "{interval}");
    }
}

#[test]
fn a_week_that_began_before_the_range_is_not_in_it() {
    let market = demo(&["AAPL"], "2026-03-04", "2026-03-13").unwrap();
    let weeks = rows(&batches(&market, Dataset::Bars(Interval::Week), 1));
    assert_eq!(weeks.len(), 1);
    assert_eq!(weeks[0].1, SHANGHAI.open_of(date("2026-03-09")).unwrap().start().get());
    assert_eq!(rows(&batches(&market, Dataset::Bars(Interval::Month), 1)), []);
}

#[test]
fn ranges_of_one_listing_are_parts_of_one_market() {
    let listed = |from: &str, to: &str| {
        let (choice, listed) = (choice(31, Universe::demo(), Hours::Sse), Listed::On(date("2026-03-01")));
        let market = MadeMarket::new(choice, &super::symbols(&["AAPL"]), date(from), date(to), listed).unwrap();
        assert_eq!(market.listed(), date("2026-03-02"));
        rows(&batches(&market, Dataset::Bars(Interval::Minute5), 1))
    };
    let whole = listed("2026-03-02", "2026-03-13");
    assert_eq!([listed("2026-03-02", "2026-03-05"), listed("2026-03-06", "2026-03-13")].concat(), whole);
}

#[test]
fn threads_change_neither_rows_nor_batches() {
    let market = many(300);
    for dataset in [Dataset::Bars(Interval::Minute1), Dataset::Bars(Interval::Day), Dataset::Quotes] {
        let market = if dataset == Dataset::Quotes { many(7) } else { market.clone() };
        for cut in [Cut::default(), Cut { by_day: true, by_symbol: false }, Cut { by_day: true, by_symbol: true }] {
            let one = pieces(&market, dataset, Style::default(), 1, cut);
            assert!(one.iter().all(|(_, _, batch)| batch.num_rows() > 0));
            for threads in [2, 3, 16] {
                assert!(
                    pieces(&market, dataset, Style::default(), threads, cut) == one,
                    "{dataset:?} {cut:?} {threads}"
                );
            }
        }
    }
}

#[test]
fn a_batch_has_a_bounded_number_of_rows() {
    let (minutes, quotes) = (many(300), many(3));
    // A run gives the bars of a day at once.
    let most = |market: &MadeMarket, dataset, more| {
        let rows = batches(market, dataset, 2).iter().map(RecordBatch::num_rows).max().unwrap();
        assert!((BATCH_ROWS / 2..BATCH_ROWS + more).contains(&rows), "{rows}");
    };
    most(&minutes, Dataset::Bars(Interval::Minute1), 240);
    assert!(batches(&quotes, Dataset::Quotes, 2).iter().all(|batch| batch.num_rows() < BATCH_ROWS + 4000));
}

#[test]
fn cuts_by_day_and_symbol_hold_the_same_rows() {
    let market = demo(&["AAPL", "TSLA", "V"], "2026-03-02", "2026-03-04").unwrap();
    for interval in [Interval::Minute15, Interval::Day, Interval::Week] {
        let mut whole = rows(&batches(&market, Dataset::Bars(interval), 2));
        let cut = Cut { by_day: true, by_symbol: true };
        let mut cut_up = Vec::new();
        for (day, place, batch) in pieces(&market, Dataset::Bars(interval), Style::default(), 2, cut) {
            let of_piece = rows(&[batch]);
            let is_its = |row: &Row| {
                row.0 == ["AAPL", "TSLA", "V"][place]
                    && SHANGHAI.date_of(UnixSeconds::new(row.1)).unwrap().to_string() == day
            };
            assert!(of_piece.iter().all(is_its), "{day} {place}");
            cut_up.extend(of_piece);
        }
        whole.sort_by(|one, other| one.partial_cmp(other).unwrap());
        cut_up.sort_by(|one, other| one.partial_cmp(other).unwrap());
        assert_eq!(cut_up, whole);
    }
}

#[test]
fn trades_add_up_to_the_bars_and_quotes_stand_around_them() {
    let market = demo(&["AAPL"], "2026-03-02", "2026-03-02").unwrap();
    let bars = rows(&batches(&market, Dataset::Bars(Interval::Minute1), 1));
    let trades = batches(&market, Dataset::Trades, 1);
    // Volume, turnover in hundredths, number of trades.
    let mut sums = std::collections::BTreeMap::<i64, (i64, i64, i64)>::new();
    for batch in &trades {
        let times = batch.column_by_name("time").unwrap().as_primitive::<TimestampNanosecondType>();
        let sizes = batch.column_by_name("size").unwrap().as_primitive::<Int64Type>();
        let prices = batch.column_by_name("price").unwrap().as_primitive::<Float64Type>();
        for at in 0..batch.num_rows() {
            let sum = sums.entry(times.value(at) / 60_000_000_000 * 60).or_default();
            let ticks = (prices.value(at) * 100.0).round() as i64;
            *sum = (sum.0 + sizes.value(at), sum.1 + ticks * sizes.value(at), sum.2 + 1);
        }
    }
    let of_bar = |bar: &Row| (bar.1, (bar.3, (bar.4 * 100.0).round() as i64, bar.5));
    assert_eq!(sums.into_iter().collect::<Vec<_>>(), bars.iter().map(of_bar).collect::<Vec<_>>());
    let quotes = batches(&market, Dataset::Quotes, 1);
    let ids = |batches: &[RecordBatch]| -> Vec<i64> {
        let column =
            |batch: &RecordBatch| batch.column_by_name("id").unwrap().as_primitive::<Int64Type>().values().to_vec();
        batches.iter().flat_map(column).collect()
    };
    // Each trade of a traded minute has its quote.
    assert_eq!(ids(&trades), ids(&quotes));
    for batch in &quotes {
        let side = |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Float64Type>();
        let (bid, ask) = (side("bid"), side("ask"));
        for at in (0..batch.num_rows()).filter(|&at| bid.is_valid(at) && ask.is_valid(at)) {
            assert!(bid.value(at) < ask.value(at));
        }
        assert!((0..batch.num_rows()).all(|at| bid.is_valid(at) || ask.is_valid(at)));
    }
}

#[test]
fn prices_are_decimals_where_these_are_wanted_and_labels_ends() {
    let market = demo(&["AAPL"], "2026-03-02", "2026-03-03").unwrap();
    let style = Style { prices: Prices::Decimal, label: Label::End, layout: None };
    let all = |style| pieces(&market, Dataset::Bars(Interval::Minute30), style, 1, Cut::default()).remove(0).2;
    let (decimal, float) = (all(style), all(Style::default()));
    let closes = decimal.column_by_name("close").unwrap();
    assert_eq!(closes.data_type(), &DataType::Decimal128(10, 2));
    let ticks = closes.as_primitive::<Decimal128Type>().values().iter().map(|&ticks| ticks as f64 / 100.0);
    assert_eq!(
        ticks.collect::<Vec<_>>(),
        float.column_by_name("close").unwrap().as_primitive::<Float64Type>().values().to_vec()
    );
    let times = |batch: &RecordBatch| {
        batch.column_by_name("time").unwrap().as_primitive::<TimestampMicrosecondType>().values().to_vec()
    };
    let half_hour = 30 * 60 * 1_000_000;
    assert_eq!(times(&decimal), times(&float).iter().map(|start| start + half_hour).collect::<Vec<_>>());
    let zone = DataType::Timestamp(TimeUnit::Microsecond, Some("Asia/Shanghai".into()));
    assert_eq!(decimal.schema().field_with_name("time").unwrap().data_type(), &zone);
}

#[test]
fn the_tables_of_stocks_and_days_are_those_of_the_library() {
    let stocks = tables::universe(&Universe::demo().rows(Seed(1), Hours::Sse)).unwrap();
    assert_eq!((stocks.num_rows(), stocks.num_columns()), (10, 13));
    let calendar = Calendar::of(Hours::Nyse);
    // The day after Thanksgiving closes early.
    let days = calendar.days(date("2025-11-26"), date("2025-11-28"));
    let sessions = tables::sessions(&calendar, days).unwrap();
    let minutes = sessions.column_by_name("minutes").unwrap().as_primitive::<arrow_array::types::Int32Type>();
    assert_eq!(minutes.values(), &[390, 210]);
    assert_eq!(tables::minutes(&calendar, days).unwrap().num_rows(), 600);
    let shanghai = tables::sessions(&SHANGHAI, SHANGHAI.days(date("2026-12-31"), date("2027-01-05"))).unwrap();
    let projected = shanghai.column_by_name("is_projected").unwrap().as_boolean();
    assert_eq!((projected.value(0), projected.value(shanghai.num_rows() - 1)), (false, true));
}

#[test]
fn what_cannot_be_made_is_refused_by_its_name() {
    let error = |texts: &[&str], from: &str, to: &str| demo(texts, from, to).unwrap_err().to_string();
    for (error, named) in [
        (error(&["XYZ"], "2026-03-02", "2026-03-03"), "no stock XYZ in the universe demo; it has AAPL, AMZN"),
        (error(&[], "2026-03-03", "2026-03-02"), "2026-03-03 is later than the last day 2026-03-02"),
        (error(&[], "1980-01-01", "2026-03-02"), "covers 1990-12-19 to 2100-12-31"),
        (error(&[], "2026-03-02", "2101-01-01"), "covers 1990-12-19 to 2100-12-31"),
        (error(&[], "2026-03-07", "2026-03-08"), "no trading day from 2026-03-07 to 2026-03-08"),
    ] {
        assert!(error.contains(named), "{error}");
    }
    let (choice, late) = (choice(1, Universe::demo(), Hours::Sse), Listed::On(date("2026-03-03")));
    let error = MadeMarket::new(choice, &[], date("2026-03-02"), date("2026-03-05"), late).unwrap_err();
    assert!(error.to_string().contains("listed on 2026-03-03, which is later than 2026-03-02"), "{error}");
}
