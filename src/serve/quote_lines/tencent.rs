//! Tencent's lines: 88 fields between tildes. Fields of a company's books are empty.

use std::fmt::Write;

use super::line::QuoteLine;
use klined_market::bars::ticks::Level;
use klined_market::base::{Price, PriceLimits, Traded, Venue};

const FIELDS: usize = 88;
const LEVELS: usize = 5;
/// Shares of a lot.
const LOT: i64 = 100;
/// A turnover is in ten thousands.
const TURNOVER: f64 = 10_000.0;
/// A limit that a stock does not have.
const NO_LIMIT: &str = "-1";

fn market(line: &QuoteLine) -> &'static str {
    match Venue::of(&line.symbol) {
        Some(Venue::Shenzhen) => "51",
        Some(Venue::Beijing) => "62",
        Some(Venue::Shanghai) | None => "1",
    }
}

fn side(best: Option<Level>) -> impl Iterator<Item = String> {
    (0..LEVELS).flat_map(move |place| {
        let best = best.filter(|_| place == 0);
        let price = best.map_or(0.0, |best| best.price.units());
        [format!("{price:.2}"), best.map_or(0, |best| best.shares / LOT).to_string()]
    })
}

fn fields(line: &QuoteLine) -> Vec<String> {
    let figures = &line.figures;
    let (price, previous) = (|price: f64| format!("{price:.2}"), line.previous_close());
    let (lots, turnover) = (figures.volume / LOT, figures.traded.map_or(0.0, Traded::turnover_units));
    let change = figures.close - previous;
    let mean = if figures.volume > 0 { turnover / figures.volume as f64 } else { figures.close };
    let limit =
        |of: fn(PriceLimits) -> Price| line.limits.map_or(NO_LIMIT.to_owned(), |limits| price(of(limits).units()));
    let mut fields = vec![
        market(line).to_owned(),
        line.name.clone(),
        line.symbol.to_string(),
        price(figures.close),
        price(previous),
        price(figures.open),
        lots.to_string(),
        // The volumes of buyers and of sellers.
        "0".to_owned(),
        "0".to_owned(),
    ];
    fields.extend(side(line.bid));
    fields.extend(side(line.ask));
    fields.extend([
        String::new(),
        line.time.format("%Y%m%d%H%M%S").to_string(),
        price(change),
        price(change / previous * 100.0),
        price(figures.high),
        price(figures.low),
        format!("{:.2}/{lots}/{turnover:.0}", figures.close),
        lots.to_string(),
        format!("{:.0}", turnover / TURNOVER),
        String::new(),
        String::new(),
        String::new(),
        price(figures.high),
        price(figures.low),
        price((figures.high - figures.low) / previous * 100.0),
        String::new(),
        String::new(),
        price(0.0),
        limit(|limits| limits.up),
        limit(|limits| limits.down),
        String::new(),
        String::new(),
        price(mean),
    ]);
    fields.resize(FIELDS, String::new());
    fields
}

/// A line for each code that there is, and one that says so where there is none.
pub fn text(lines: &[(String, Option<QuoteLine>)]) -> String {
    let mut text = String::with_capacity(lines.len() * 400);
    for (code, line) in lines {
        if let Some(line) = line {
            // Writing to a string does not fail.
            let _ = writeln!(text, "v_{}=\"{}\";", super::line::shown(code), fields(line).join("~"));
        }
    }
    if text.is_empty() {
        text.push_str("v_pv_none_match=\"1\";\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::DayFigures;
    use klined_market::base::UnixSeconds;

    #[test]
    fn a_line_has_its_fields_at_the_vendors_places() {
        let figures = DayFigures {
            last: UnixSeconds::EPOCH,
            open: 10.0,
            high: 10.5,
            low: 9.9,
            close: 10.2,
            volume: 12_300,
            traded: Some(Traded::new(12_546_000, 77).unwrap()),
            previous_close: Some(10.1),
        };
        let level = |ticks| Some(Level { price: Price::from_ticks(ticks).unwrap(), shares: 400 });
        let line = QuoteLine {
            symbol: "300750".parse().unwrap(),
            name: "宁德时代".to_owned(),
            figures,
            bid: level(1019),
            ask: level(1021),
            limits: None,
            time: "2026-03-02T14:59:30".parse().unwrap(),
        };
        let fields = fields(&line);
        let at = |place: usize| fields[place].as_str();
        assert_eq!(
            [at(0), at(1), at(2), at(3), at(4), at(5), at(6)],
            ["51", "宁德时代", "300750", "10.20", "10.10", "10.00", "123"]
        );
        assert_eq!([at(9), at(10), at(11), at(19), at(20), at(28)], ["10.19", "4", "0.00", "10.21", "4", "0"]);
        assert_eq!([at(30), at(31), at(32), at(33), at(34)], ["20260302145930", "0.10", "0.99", "10.50", "9.90"]);
        assert_eq!([at(35), at(36), at(37), at(43)], ["10.20/123/125460", "123", "13", "5.94"]);
        assert_eq!((at(46), at(47), at(48), at(51), fields.len()), ("0.00", "-1", "-1", "10.20", FIELDS));
    }
}
