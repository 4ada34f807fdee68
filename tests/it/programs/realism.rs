//! The scorecard: the full model is real by it, a poor one is not, and what the command prints, writes and draws.

use std::fs;
use std::num::NonZeroUsize;
use std::sync::Arc;

use klined_market::base::Seed;
use klined_market::calendar::Calendar;
use klined_market::model::{FullParameters, Model, ModelKind};
use klined_market::universe::{StockCount, ashare};
#[cfg(feature = "picture")]
use klined_realism::{DailyBar, DailyCandles, Picture, PictureFormat, QuarterBar, RealismReport, ScoredSeed, Series};
use klined_realism::{InvalidSample, Reference, generate, score};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::programs::{Ended, Program, assert_has, assert_same};
use crate::support::psql::repository;
use crate::support::{SHANGHAI, date, trading_days_from};

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
fn the_demo_is_in_every_band_of_large_companies() {
    let place = place();
    let ended = realism(&place, "--universe demo --seed 42,101,102").succeeded();
    let last = ended.stdout.lines().last().unwrap();
    assert_eq!(last, "in band: 16 of 16 with seed 42, 16 of 16 with seed 101, 16 of 16 with seed 102");
    assert_eq!(ended.stderr, "");
    assert_has(&ended.stdout, &["full-3, demo: 10 symbols, 300 trading days", "beyond 10 %"]);
    // The news of A-shares, without their limits.
    let wild = "[events]\nup_probability = 0.0085\nup_excess = 0.1\nup_least = 0.03\n[volatility]\nscale = 1.2\n";
    fs::write(place.path().join("wild.toml"), wild).unwrap();
    let ended = realism(&place, "--universe demo --model-params wild.toml");
    assert_eq!(ended.status.code(), Some(1), "{}", ended.stdout);
    let moves = ended.stdout.lines().find(|line| line.contains("large moves of a day")).unwrap();
    assert_has(moves, &["OUT OF BAND"]);
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
    assert_has(&ended.stdout, &["gbm-2, ashare:100: 100 symbols, 240 trading days", "OUT OF BAND", "in band", "*"]);
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
    let on = |threads| generate(&model, &stocks, &days, NonZeroUsize::new(threads).unwrap(), &|| ());
    let alone = on(1);
    assert_eq!(alone.len(), stocks.len());
    assert!(alone.iter().all(|series| series.days.len() == days.len() && series.quarters.len() == 16 * days.len()));
    for threads in [2, 3, 7, 16] {
        assert_eq!(on(threads), alone, "{threads} threads");
    }
    assert_eq!(
        score(&generate(&model, &[], &days, NonZeroUsize::MIN, &|| ()), Reference::ASHARE),
        Err(InvalidSample::Empty)
    );
    assert_eq!(
        score(&generate(&model, &stocks, &days[..1], NonZeroUsize::MIN, &|| ()), Reference::ASHARE),
        Err(InvalidSample::TooShort { place: 0, days: 1 })
    );
    assert!(
        score(&generate(&model, &stocks, &days[..2], NonZeroUsize::MIN, &|| ()), Reference::ASHARE)
            .is_ok_and(|card| card.passed() < 16)
    );
    let mut unequal = alone.clone();
    unequal[3].days.pop();
    let error = InvalidSample::Unequal { place: 3, days: 29, quarters: 480, expected_days: 30 };
    assert_eq!(score(&unequal, Reference::ASHARE), Err(error));
}

#[test]
fn the_json_has_the_documented_shape() {
    let place = place();
    let ended = realism(&place, "--universe demo --days 30 --seed 3,4 --json -");
    assert_has(&ended.stderr, &["warning: the bands are meant for at least 10 symbols and 240 days", "10 and 30"]);
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
    // In a file it is the same, and the table is printed and says the same.
    let ended = realism(&place, "--universe demo --days 30 --seed 3,4 --json card.json");
    assert_eq!(json(&fs::read_to_string(place.path().join("card.json")).unwrap()), report);
    let heading =
        format!("{}, demo: 10 symbols, 30 trading days from 2024-06-03 to 2024-07-15", ModelKind::Full.version());
    let counts: Vec<_> = runs.iter().map(|run| format!("{} of 16 with seed {}", run["passed"], run["seed"])).collect();
    let mut lines = vec![
        heading,
        String::new(),
        format!("{:2}  {:<34} {:>7}  {:<16} {:>11} {:>11}", "#", "metric", "real", "band", "seed 3", "seed 4"),
    ];
    let numbers = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    for metric in 0..16 {
        let of = runs.iter().map(|run| &run["metrics"][metric]).collect::<Vec<_>>();
        let [one, other] = [0, 1].map(|run| if of[run]["passes"] == true { "in band" } else { "OUT OF BAND" });
        let (number, name) = (of[0]["number"].as_u64().unwrap(), of[0]["name"].as_str().unwrap());
        lines.push(format!("{number:2}  {name:<60} {one:>11} {other:>11}"));
        for (place, part) in of[0]["parts"].as_array().unwrap().iter().enumerate() {
            let band = match part["high"].as_f64() {
                Some(high) => format!("{:.3} to {high:.3}", numbers(&part["low"])),
                None => format!("at least {:.3}", numbers(&part["low"])),
            };
            let [one, other] = [0, 1].map(|run| {
                let part = &of[run]["parts"][place];
                format!("{:>10.3}{}", numbers(&part["value"]), if part["passes"] == true { ' ' } else { '*' })
            });
            let (name, real) = (part["name"].as_str().unwrap(), numbers(&part["real"]));
            lines.push(format!("      {name:<32} {real:>7.3}  {band:<16} {one} {other}"));
        }
    }
    lines.extend([String::new(), format!("in band: {}", counts.join(", "))]);
    assert_same(&ended.stdout.lines().map(str::to_owned).collect::<Vec<_>>(), &lines);
}

#[test]
fn metrics_real_values_and_bands_are_those_of_the_page() {
    let page = fs::read_to_string(repository("docs/MODEL.md")).unwrap();
    let ended = realism(&place(), "--universe ashare:5 --days 30");
    // What stands left of the seeds' columns.
    let left = |text: &str| -> Vec<String> {
        let table = text.lines().skip_while(|line| !line.starts_with("#   metric")).take_while(|line| !line.is_empty());
        table.map(|line| line.chars().take(64).collect()).collect()
    };
    assert_same(&left(&ended.stdout), &left(&page));
    assert_eq!(left(&page).len(), 1 + 16 + 39, "a heading, metrics and their parts");
}

#[cfg(feature = "picture")]
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

/// Quarter-hours that move by turns and trade evenly, and days of which every third falls.
#[cfg(feature = "picture")]
fn regular(days: usize) -> Series {
    let open = 10_000_f64.ln();
    let quarter = |place: usize| {
        let close = open + 0.001 * (place % 16 + 1) as f64 * if place.is_multiple_of(3) { -1.0 } else { 1.0 };
        QuarterBar { open, high: open.max(close), low: open.min(close), close, volume: 100.0 }
    };
    let day = |place: usize| {
        let close = open + if place.is_multiple_of(3) { -0.01 } else { 0.01 };
        let (high, low) = (open + 0.02, open - 0.02);
        DailyBar { open, high, low, close, volume: 1600.0, closes_at_up_limit: false, closes_at_down_limit: false }
    };
    Series { quarters: (0..16 * days).map(quarter).collect(), days: (0..days).map(day).collect() }
}

#[cfg(feature = "picture")]
#[test]
fn every_panel_shows_its_lines_its_dots_and_its_candles() {
    let (dates, series) = (trading_days_from(date("2024-06-03"), 250), [regular(250)]);
    let report = RealismReport {
        model: "full".to_owned(),
        universe: "file".to_owned(),
        symbols: 1,
        days: dates.len(),
        first_day: dates[0],
        last_day: dates[249],
        runs: vec![ScoredSeed { seed: 5, scorecard: score(&series, Reference::ASHARE).unwrap() }],
    };
    let candles = DailyCandles { symbol: "ACME", dates: &dates, days: &series[0].days };
    let svg =
        String::from_utf8(Picture::draw(&report, &series, candles).to_bytes(PictureFormat::Svg).unwrap()).unwrap();
    // A panel's marks follow its title.
    let titles = ["Tails: ", "Memory of ", "Volatility through ", "Volume through ", "ACME: 243 trading days"];
    let starts = titles.map(|title| svg.find(&format!(">{title}")).unwrap_or_else(|| panic!("no {title}")));
    let panel = |place: usize| &svg[starts[place]..starts.get(place + 1).copied().unwrap_or(svg.len())];
    let lines = |place: usize| panel(place).matches("<path ").count();
    let dots = |place: usize| panel(place).matches("r=\"4.5\" fill=\"#d55e00\"").count();
    let found: Vec<_> = (0..5).map(|place| (lines(place), dots(place))).collect();
    assert_eq!(found, [(2, 0), (1, 3), (1, 16), (1, 16), (0, 0)]);
    // The trade is even, so its line is level; the moves are not.
    let is_level = |place: usize| {
        let path = panel(place).split("<path d=\"").nth(1).unwrap().split('"').next().unwrap();
        let heights: Vec<&str> = path.split_whitespace().skip(2).step_by(3).collect();
        assert_eq!(heights.len(), 16, "{path}");
        heights.iter().all(|height| height == &heights[0])
    };
    assert!(is_level(3) && !is_level(2));
    // The last 243 of the 250 days are shown.
    let bodies = |colour: &str| panel(4).matches(&format!("fill=\"{colour}\" stroke=\"{colour}\"")).count();
    let falling = (7..250).filter(|place: &usize| place.is_multiple_of(3)).count();
    assert_eq!((bodies("#0072b2"), bodies("#d55e00")), (243 - falling, falling));
    let axis = &svg[starts[3]..starts[4]];
    assert_has(axis, &[&format!(">{}<", dates[7]), ">100<"]);
    assert!(!axis.contains(&format!(">{}<", dates[0])));
    assert_has(&svg[starts[2]..starts[3]], &[">09:30<", ">11:00<", ">13:00<", ">14:30<"]);
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
