//! `klined sample`: bars of the regimes, without a database.

use std::fs;

use klined_market::model::Regime;

use crate::support::programs::{Program, assert_has};

/// The lines of bars: open, high, low, close and volume of each, below its regime.
fn bars(printed: &str, regime: Regime) -> Vec<[f64; 5]> {
    let below = printed.split("\n\n").find(|part| part.starts_with(regime.as_str())).unwrap_or_default();
    let numbers = |line: &str| {
        let words: Vec<f64> = line.split_whitespace().skip(2).map(|word| word.parse().unwrap()).collect();
        words.try_into().unwrap()
    };
    below.lines().skip(2).map(numbers).collect()
}

#[test]
fn bars_of_each_regime_are_printed_without_a_database() {
    let place = tempfile::tempdir().unwrap();
    let sample = |words: &str| Program::klined(place.path()).with("sample").with(words).run();
    let all = sample("--bars 20000").succeeded().stdout;
    assert_eq!(all, sample("--bars 20000").succeeded().stdout);
    assert!(all.starts_with("AAPL of gbm-2, seed 42\n"), "{}", &all[..60]);
    let mut deviations = Vec::new();
    for regime in Regime::ALL {
        let bars = bars(&all, regime);
        assert_eq!(bars.len(), 20_000);
        for [open, high, low, close, volume] in &bars {
            assert!(low <= open && low <= close && open <= high && close <= high && *volume >= 100.0);
        }
        let squares = bars.iter().map(|[open, _, _, close, _]| (close / open).ln().powi(2));
        deviations.push((squares.sum::<f64>() / bars.len() as f64).sqrt());
        // One regime alone is the same as among all.
        let alone = sample(&format!("--regime {regime} --bars 20000")).succeeded().stdout;
        assert!(all.contains(alone.split_once("\n\n").unwrap().1.trim_end()), "{regime}");
        assert_eq!(alone.lines().filter(|line| line.contains("times the base volatility")).count(), 1);
    }
    // The same draws, times 1, 0.8 and 1.5; n = 20,000 minutes.
    let [bull, sideways, bear] = deviations.try_into().unwrap();
    assert!((sideways / bull - 0.8).abs() < 0.01 && (bear / bull - 1.5).abs() < 0.01, "{bull} {sideways} {bear}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "a sample leaves no file");
}

#[test]
fn a_sample_has_the_stock_the_calendar_and_the_days_that_are_asked() {
    let place = tempfile::tempdir().unwrap();
    let sample = |words: &str| Program::klined(place.path()).with("sample").with(words).run();
    let printed = sample("--regime bear --universe synth --symbol TECH --calendar nyse --from 2026-01-01 --bars 2");
    assert_has(
        &printed.succeeded().stdout,
        &["TECH of gbm-2", "bear: drift -7 % a year", "2026-01-02 09:30:00", "320.00"],
    );
    assert_has(&sample("--model full --seed 7").succeeded().stdout, &["AAPL of full-3, seed 7", "2026-01-05 09:39:00"]);
    sample("--regime sidewise").was_misused(&["sidewise", "bull, bear or sideways"]);
    sample("--bars 0").was_misused(&["--bars"]);
    sample("--symbol NONE").failed(&["no stock NONE", "AAPL"]);
    sample("--from 2100-12-31 --bars 9000").failed(&["--bars 9000"]);
    sample("--from 1900-01-01").failed(&["1990-12-19", "--from 1900-01-01"]);
}
