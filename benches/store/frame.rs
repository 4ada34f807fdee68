//! Sizes, alternating pairs, and the table.

use std::path::PathBuf;
use std::time::Instant;

/// How much is measured. `SYMBOLS`, `MONTHS` and `PAIRS` say otherwise, `PLOTS` where pictures go.
pub struct Sizes {
    pub symbols: usize,
    pub months: u32,
    pub pairs: usize,
    /// A directory; without one nothing is drawn.
    pub plots: Option<PathBuf>,
}

impl Sizes {
    pub fn of_environment() -> Self {
        let number = |name: &str, default| match std::env::var(name) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")),
            Err(_) => default,
        };
        let plots = std::env::var_os("PLOTS").map(PathBuf::from);
        Self { symbols: number("SYMBOLS", 200), months: number("MONTHS", 2) as u32, pairs: number("PAIRS", 3), plots }
    }
}

/// A line of the table: rates of the figure and of its reference.
pub struct Row {
    pub name: &'static str,
    /// What is counted, such as "rows/s".
    pub unit: &'static str,
    /// What the reference does.
    pub reference: &'static str,
    /// The least ratio of the medians that is asked for.
    pub goal: Option<f64>,
    /// Rates of each pair.
    pub pairs: Vec<(f64, f64)>,
}

pub fn print_head(sizes: &Sizes) {
    let Sizes { symbols, months, pairs, .. } = sizes;
    println!("{symbols} symbols, {months} months, {pairs} pairs, median (least to most)\n");
    println!("| figure | rate | reference | its rate | ratio | goal |");
    println!("|---|---|---|---|---|---|");
}

impl Row {
    pub fn print(&self) {
        let Self { name, unit, reference, goal, pairs } = self;
        let own = Spread::of(pairs.iter().map(|pair| pair.0));
        let theirs = Spread::of(pairs.iter().map(|pair| pair.1));
        let ratio = Spread::of(pairs.iter().map(|pair| pair.0 / pair.1));
        let goal = goal.map_or_else(|| "-".to_owned(), |goal| format!("≥ {goal}"));
        println!(
            "| {name} | {} {unit} | {reference} | {} {unit} | {} | {goal} |",
            own.thousands(),
            theirs.thousands(),
            ratio.plain()
        );
    }
}

/// Median and extremes.
pub struct Spread {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Spread {
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = values.collect();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 { sorted[middle] } else { 0.5 * (sorted[middle - 1] + sorted[middle]) };
        Self { median, least: sorted[0], most: sorted[sorted.len() - 1] }
    }

    fn thousands(&self) -> String {
        format!("{:.0} k ({:.0} to {:.0})", self.median / 1e3, self.least / 1e3, self.most / 1e3)
    }

    fn plain(&self) -> String {
        format!("{:.2} ({:.2} to {:.2})", self.median, self.least, self.most)
    }
}

/// Runs two measurements in turn, each first as often as the other, and gives what both return.
pub fn in_pairs<T>(pairs: usize, mut own: impl FnMut() -> T, mut theirs: impl FnMut() -> T) -> Vec<(T, T)> {
    (0..pairs)
        .map(|pair| {
            if pair % 2 == 0 {
                let first = own();
                (first, theirs())
            } else {
                let first = theirs();
                (own(), first)
            }
        })
        .collect()
}

/// Seconds that some work takes.
pub fn seconds<T>(work: impl FnOnce() -> T) -> (f64, T) {
    let began = Instant::now();
    let done = work();
    (began.elapsed().as_secs_f64(), done)
}
