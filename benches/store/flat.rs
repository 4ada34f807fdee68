//! What a bar costs in markets of every size: it should cost the same.

use std::path::Path;

use klined::jobs::{Stop, Window, backfill};
use kuva::backend::svg::SvgBackend;
use kuva::prelude::{Layout, Plot, ScatterPlot};
use kuva::render::render::render_multiple;

use crate::backfill::{NOW, Quiet};
use crate::databases::Database;
use crate::frame::{Row, Sizes, Spread, seconds};

/// Symbols and trading days. The largest of each needs the other small: a bar is a bar.
const MARKETS: [(usize, usize); 9] =
    [(10, 20), (10, 60), (10, 250), (100, 20), (100, 60), (300, 20), (1000, 6), (2000, 3), (5400, 1)];
/// The least work that is measured: a market that is smaller is filled that many times.
const ROWS_MIN: u64 = 600_000;

/// Microseconds a row, the least of some fills.
fn cost(make: fn() -> Database, symbols: usize, days: usize, fills: usize) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..fills {
        let (mut took, mut rows) = (0.0, 0);
        while rows < ROWS_MIN {
            let database = make();
            let market = database.market(symbols);
            database.settle();
            let (more, filled) = seconds(|| {
                backfill(&market, Window::Days(days), None, NOW, &mut Quiet, &Stop::default()).expect("it is filled")
            });
            took += more;
            rows += filled.bars + filled.rollups;
        }
        least = f64::min(least, 1e6 * took / rows as f64);
    }
    least
}

pub fn cost_per_bar(sizes: &Sizes) -> Vec<Row> {
    for (name, make) in [("PostgreSQL", Database::postgres as fn() -> Database), ("SQLite", Database::sqlite)] {
        println!("\nMicroseconds a row of a backfill, {name}, the least of {} fills:\n", sizes.pairs);
        println!("| symbols | days | rows | µs a row |\n|---|---|---|---|");
        let mut points = Vec::new();
        for (symbols, days) in MARKETS {
            let cost = cost(make, symbols, days, sizes.pairs);
            let rows = symbols * days * 240 * 4 / 3;
            println!("| {symbols} | {days} | {rows} | {cost:.2} |");
            points.push((rows as f64, cost));
        }
        let spread = Spread::of(points.iter().map(|(_, cost)| *cost));
        println!(
            "\nmost / median {:.2}, least / median {:.2}",
            spread.most / spread.median,
            spread.least / spread.median
        );
        if let Some(folder) = &sizes.plots {
            plot(&folder.join(format!("backfill-cost-{}.svg", name.to_lowercase())), name, points);
        }
    }
    Vec::new()
}

fn plot(file: &Path, name: &str, points: Vec<(f64, f64)>) {
    let plots: Vec<Plot> = vec![ScatterPlot::new().with_data(points).with_size(4.0).with_color("#0072B2").into()];
    let layout = Layout::auto_from_plots(&plots)
        .with_title(format!("Cost of a row in a backfill, {name}"))
        .with_x_label("rows of the market")
        .with_y_label("microseconds a row")
        .with_log_x()
        .with_y_axis_min(0.0);
    let svg = SvgBackend::new().render_scene(&render_multiple(plots, layout));
    std::fs::write(file, svg).expect("the plot is written");
}
