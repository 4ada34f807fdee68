//! The scorecard: the full model is real by it, a poor one is not, and what the command prints, writes and draws.

use std::fs;
use std::num::NonZeroUsize;
use std::sync::Arc;

use klined::base::Seed;
use klined::calendar::Calendar;
use klined::model::{FullParameters, Model, ModelKind};
use klined::realism::{generate, score};
use klined::universe::{StockCount, ashare};
use serde_json::Value;
use tempfile::TempDir;

use super::support::programs::{Ended, Program, assert_has};
use super::support::{SHANGHAI, date, trading_days_from};

fn place() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Runs `klined realism`.
fn realism(place: &TempDir, words: &str) -> Ended {
    Program::klined(place.path()).with(&format!("realism {words}")).run()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_full_model_is_in_every_band_with_three_seeds() {
    let place = place();
    let ended = realism(&place, "--seed 21,22,23 --universe ashare:200 --days 300").succeeded();
    let last = ended.stdout.lines().last().unwrap();
    assert_eq!(last, "in band: 16 of 16 with seed 21, 16 of 16 with seed 22, 16 of 16 with seed 23");
    assert_eq!(ended.stderr, "");
    assert!(ended.stdout.lines().all(|line| line.chars().count() <= 100), "{}", ended.stdout);
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0, "it writes no file that it was not asked for");
}

#[test]
fn a_model_without_the_facts_leaves_their_bands_and_says_so() {
    let place = place();
    let ended = realism(&place, "--model gbm --universe ashare:100 --days 240");
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stdout);
    assert_eq!(ended.stderr, "");
    let last = ended.stdout.lines().last().unwrap();
    let passed: u8 = last.strip_prefix("in band: ").and_then(|rest| rest.split(' ').next()).unwrap().parse().unwrap();
    assert!(passed <= 5, "{last}");
    assert_has(&ended.stdout, &["gbm-1, ashare:100: 100 symbols, 240 trading days", "OUT OF BAND", "in band", "*"]);
    // One fact less than the whole.
    fs::write(place.path().join("calm.toml"), "[volatility]\nenabled = false\n").unwrap();
    let ended = realism(&place, "--model-params calm.toml --universe ashare:100 --days 240");
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stdout);
    let clustering = ended.stdout.lines().find(|line| line.contains("volatility clusters")).unwrap();
    assert_has(clustering, &["OUT OF BAND"]);
}

#[test]
fn threads_change_no_bit_of_a_sample() {
    let model = Model::full(Seed(7), FullParameters::default(), Arc::new(Calendar::clone(&SHANGHAI)));
    let stocks: Vec<_> =
        ashare(StockCount::new(7).unwrap(), Seed(7)).iter().map(|row| row.instrument().unwrap()).collect();
    let days = trading_days_from(date("2024-06-03"), 30);
    let on = |threads| generate(&model, &stocks, &days, NonZeroUsize::new(threads).unwrap());
    let alone = on(1);
    assert_eq!(alone.len(), stocks.len());
    assert!(alone.iter().all(|series| series.days.len() == days.len() && series.quarters.len() == 16 * days.len()));
    for threads in [2, 3, 7, 16] {
        assert_eq!(on(threads), alone, "{threads} threads");
    }
    assert!(score(&generate(&model, &[], &days, NonZeroUsize::MIN)).passed() < 16, "no market is no real one");
}

#[test]
fn the_json_has_the_documented_shape() {
    let place = place();
    let ended = realism(&place, "--universe demo --days 30 --seed 3,4 --json -");
    assert_has(&ended.stderr, &["warning: the bands are meant for at least 100 symbols and 240 days", "10 and 30"]);
    let report = json(&ended.stdout);
    assert_eq!(report["format"], 1);
    assert_eq!((&report["model"], &report["universe"]), (&ModelKind::Full.version().into(), &"demo".into()));
    assert_eq!((&report["symbols"], &report["days"]), (&10.into(), &30.into()));
    assert_eq!((&report["first_day"], &report["last_day"]), (&"2024-06-03".into(), &"2024-07-15".into()));
    assert_eq!(ended.status.code(), Some(if report["passes"] == true { 0 } else { 1 }));
    let runs = report["runs"].as_array().unwrap();
    assert_eq!((runs.len(), &runs[0]["seed"], &runs[1]["seed"]), (2, &3.into(), &4.into()));
    for run in runs {
        let metrics = run["metrics"].as_array().unwrap();
        assert_eq!(metrics.len(), 16);
        assert_eq!(run["passed"], metrics.iter().filter(|metric| metric["passes"] == true).count());
        for (number, metric) in (1..).zip(metrics) {
            assert_eq!(metric["number"], number);
            assert!(metric["name"].is_string());
            let parts = metric["parts"].as_array().unwrap();
            assert_eq!(metric["passes"], parts.iter().all(|part| part["passes"] == true));
            for part in parts {
                assert!(part["name"].is_string() && part["low"].is_number() && part["real"].is_number(), "{part}");
                let high = part["high"].as_f64().unwrap_or(f64::INFINITY);
                let inside = part["value"].as_f64().is_some_and(|x| x >= part["low"].as_f64().unwrap() && x <= high);
                assert_eq!(part["passes"], inside, "{part}");
            }
        }
    }
    // In a file it is the same, and the table is printed.
    let ended = realism(&place, "--universe demo --days 30 --seed 3,4 --json card.json");
    assert_eq!(json(&fs::read_to_string(place.path().join("card.json")).unwrap()), report);
    assert_has(
        &ended.stdout,
        &[
            &format!("{}, demo: 10 symbols, 30 trading days from 2024-06-03 to 2024-07-15", ModelKind::Full.version()),
            "in band: ",
        ],
    );
}

#[test]
fn a_picture_is_a_whole_file_with_its_words() {
    let place = place();
    realism(&place, "--universe demo --days 30 --plot card.svg");
    let svg = fs::read_to_string(place.path().join("card.svg")).unwrap();
    assert!(svg.starts_with("<svg") || svg.starts_with("<?xml"), "{}", &svg[..200]);
    assert!(svg.trim_end().ends_with("</svg>"));
    assert_eq!(svg.matches("<g ").count() + svg.matches("<g>").count(), svg.matches("</g>").count());
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "a coordinate that is no number");
    assert_has(
        &svg,
        &[
            &format!("{}, demo (10 symbols, 30 trading days), seed 21", ModelKind::Full.version()),
            "Tails",
            "normal, same deviation",
            "density (log scale)",
        ],
    );
    assert_has(&svg, &["ACF of |r|", "real A-shares", "Volatility through the day", "Volume through the day", "09:30"]);
    assert_has(&svg, &["AAPL: 30 trading days", "2024-06-03"]);

    realism(&place, "--universe demo --days 30 --plot card.PNG");
    let png = fs::read(place.path().join("card.PNG")).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    assert!(png.ends_with(b"IEND\xaeB`\x82"));
    let size = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    assert!(size(16) > 2000 && size(20) > 2000, "{} x {}", size(16), size(20));
}

#[test]
fn a_file_that_cannot_be_written_or_read_is_a_readable_failure() {
    let place = place();
    let file = place.path().join("file");
    fs::write(&file, "").unwrap();
    let small = "--universe demo --days 30";
    realism(&place, &format!("{small} --plot file/card.svg")).failed(&["cannot write the picture file/card.svg"]);
    realism(&place, &format!("{small} --json none/card.json")).failed(&["cannot write the scorecard none/card.json"]);
    realism(&place, &format!("{small} --model-params none.toml")).failed(&["model's parameters in none.toml"]);
    let ended = Program::klined(place.path()).with(&format!("realism {small}")).run_with_closed_output();
    assert!(!ended.stderr.contains("error") && !ended.stderr.contains("panicked"), "{}", ended.stderr);
}

#[test]
fn a_wrong_command_line_is_status_2() {
    let place = place();
    fs::write(place.path().join("empty.toml"), "").unwrap();
    let misused: [(&str, &[&str]); 10] = [
        ("--days 29", &["'29'", "--days", "30..=2500"]),
        ("--days 2501", &["'2501'", "--days"]),
        ("--days -1", &["'-1'", "--days"]),
        ("--seed x", &["'x'", "--seed"]),
        ("--seed 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", &["--seed", "at most 16"]),
        ("--model heston", &["heston", "--model"]),
        ("--model gbm --model-params empty.toml", &["--model-params is for --model full"]),
        ("--universe ashare:0", &["ashare:0", "--universe"]),
        ("--universe ashare:5429 --days 2500", &["--days 2500 is too many for 5429 symbols"]),
        ("--plot card.jpg", &["card.jpg", "--plot", ".svg", ".png"]),
    ];
    for (words, named) in misused {
        realism(&place, words).was_misused(named);
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1, "a wrong command line leaves nothing behind");
}
