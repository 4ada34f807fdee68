//! Sina's lines: 33 fields between commas.

use std::fmt::Write;

use super::line::QuoteLine;
use klined_market::bars::ticks::Level;
use klined_market::base::{Price, Traded};

/// Levels of the book that a line has. Only the best is known; the deeper ones are 0.
const LEVELS: usize = 5;

fn put_side(text: &mut String, best: Option<Level>) {
    for place in 0..LEVELS {
        let (shares, price) = best.filter(|_| place == 0).map_or((0, 0.0), |best| (best.shares, best.price.units()));
        // Writing to a string does not fail.
        let _ = write!(text, ",{shares},{price:.3}");
    }
}

fn put_line(text: &mut String, line: &QuoteLine) {
    let figures = &line.figures;
    let price = |level: Option<Level>| level.map_or(0.0, |level| Price::units(level.price));
    let _ = write!(
        text,
        "{},{:.3},{:.3},{:.3},{:.3},{:.3},{:.3},{:.3},{},{:.3}",
        line.name,
        figures.open,
        line.previous_close(),
        figures.close,
        figures.high,
        figures.low,
        price(line.bid),
        price(line.ask),
        figures.volume,
        figures.traded.map_or(0.0, Traded::turnover_units),
    );
    put_side(text, line.bid);
    put_side(text, line.ask);
    let _ = write!(text, ",{},00", line.time.format("%Y-%m-%d,%H:%M:%S"));
}

/// A line for each code; an empty one for a code that there is not.
pub fn text(lines: &[(String, Option<QuoteLine>)]) -> String {
    let mut text = String::with_capacity(lines.len() * 300);
    for (code, line) in lines {
        let _ = write!(text, "var hq_str_{}=\"", super::line::shown(code));
        if let Some(line) = line {
            put_line(&mut text, line);
        }
        text.push_str("\";\n");
    }
    text
}
