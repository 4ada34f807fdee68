//! What a file may say, and that the shipped ones do what they say.

use klined_market::base::{Instrument, SectorKey};
use klined_market::model::{Scenario, ScenarioEvent};
use klined_testing::market::{event, full, gbm, instrument, scenario};
use klined_testing::{SHANGHAI, date, repository};

use super::{FIRST_DAY, made, ohlcv};

#[test]
fn what_is_wrong_with_a_file_is_said_with_its_line() {
    let halt = event("halt", "from = \"day 1 10:00\"\nuntil = \"10:30\"");
    for (text, said) in [
        (String::new(), "missing field `name`"),
        ("name = \"x\"".to_owned(), "missing field `event`"),
        ("name = \"x\"\nevent = []".to_owned(), "0 events"),
        (format!("name = \"a b\"\n{halt}"), "the name \"a b\""),
        (format!("name = \"{}\"\n{halt}", "x".repeat(65)), "1 to 64"),
        (format!("name = \"x\"\n{halt}\n{}", event("crash", "")), "line 7: there is no kind \"crash\""),
        (format!("name = \"x\"\n{}", event("halt", "color = 1")), "unknown field `color`"),
        (format!("name = \"x\"\n{}", event("halt", "")), "line 2: a halt needs from and until"),
        (format!("name = \"x\"\n{halt}percent = 3"), "and nothing else"),
        (format!("name = \"x\"\n{halt}symbol = \"A\"\nsector = \"B\""), "not for both"),
        (format!("name = \"x\"\n{halt}symbol = \"no symbol\""), "\"no symbol\" is not a symbol"),
        (
            format!("name = \"x\"\n{}", event("gap", "percent = 3\nfrom = \"day 1 09:30\"\nuntil = \"10:00\"")),
            "and day",
        ),
        (format!("name = \"x\"\n{}", event("gap", "percent = -90.5\nday = \"day 1\"")), "percent from -90 to 400"),
        (format!("name = \"x\"\n{}", event("gap", "percent = 3\nday = \"soon\"")), "\"soon\" is not a day"),
        (format!("name = \"x\"\n{}", event("gap", "percent = 3\nday = \"day 0\"")), "\"day 0\" is not a day"),
        (format!("name = \"x\"\n{}", halt.replace("10:30", "half past")), "\"half past\" is not a time"),
        (format!("name = \"x\"\n{}", halt.replace("day 1 10:00", "10:00")), "\"10:00\" is not a time"),
        (format!("name = \"x\"\n{}", halt.replace("halt", "volatility")), "factor from 0.01 to 20"),
        (format!("name = \"x\"\n{}factor = 21", halt.replace("halt", "volatility")), "factor from 0.01 to 20"),
        (format!("name = \"x\"\n{}factor = nan", halt.replace("halt", "volatility")), "factor from 0.01 to 20"),
        (format!("name = \"x\"\n{}percent = 3\nfactor = 2", halt.replace("halt", "move")), "nothing else"),
        (format!("name = \"x\"\n{}regime = \"mad\"", halt.replace("halt", "regime")), "unknown variant `mad`"),
        (format!("name = \"x\"\n{}", halt.repeat(1001)), "1001 events"),
    ] {
        let error = Scenario::from_toml(&text).unwrap_err().to_string();
        assert!(error.contains(said), "{said:?} is not in {error:?}");
    }
}

#[test]
fn times_may_stand_without_quotes() {
    let resolved = |times: &str| scenario(&event("halt", times)).resolve(&SHANGHAI, date(FIRST_DAY)).unwrap();
    let quoted = resolved("from = \"2026-03-09 10:00\"\nuntil = \"10:30\"");
    for times in [
        "from = 2026-03-09 10:00:00\nuntil = 10:30:00",
        "from = 2026-03-09T10:00:00\nuntil = 2026-03-09T10:30:00",
        "from = \"2026-03-09 10:00\"\nuntil = 10:30:00",
    ] {
        assert_eq!(resolved(times), quoted, "{times}");
    }
    let gap = |day: &str| {
        let gap = scenario(&event("gap", &format!("percent = 3\nday = {day}")));
        gap.resolve(&SHANGHAI, date(FIRST_DAY)).unwrap()
    };
    assert_eq!(gap("2026-03-09"), gap("\"2026-03-09\""));
    for (times, said) in [
        ("from = 2026-03-09T10:00:00Z\nuntil = 10:30:00", "has a zone"),
        ("from = 2026-03-09T10:00:30\nuntil = 10:30:00", "has seconds"),
        ("from = 2026-03-09\nuntil = 10:30:00", "is not a time"),
        ("from = 7\nuntil = 10:30:00", "is not a time"),
    ] {
        let error = Scenario::from_toml(&format!("name = \"x\"\n{}", event("halt", times))).unwrap_err().to_string();
        assert!(error.contains(said), "{said:?} is not in {error:?}");
    }
}

#[test]
fn an_event_without_a_trading_minute_is_refused() {
    for (from, until, said) in [
        ("2026-03-07 10:00", "2026-03-09 10:00", "2026-03-07 is not a trading day"),
        ("day 1 11:30", "12:59", "no trading minute"),
        ("day 1 10:00", "10:00", "no trading minute"),
        ("day 2 10:00", "day 1 10:00", "no trading minute"),
        ("2101-01-03 10:00", "11:00", "is not a trading day"),
        ("day 10000 10:00", "day 10000 11:00", ""),
    ] {
        let halt = event("halt", &format!("from = \"{from}\"\nuntil = \"{until}\""));
        let outcome = scenario(&halt).resolve(&SHANGHAI, date(FIRST_DAY));
        if said.is_empty() {
            assert!(outcome.is_ok());
        } else {
            let error = outcome.unwrap_err().to_string();
            assert!(error.contains(said) && error.contains("event 1 (market: halt from"), "{error}");
        }
    }
    let late = scenario(&event("halt", "from = \"day 9000 10:00\"\nuntil = \"10:30\""));
    let error = late.resolve(&SHANGHAI, date("2090-01-04")).unwrap_err().to_string();
    assert!(error.contains("calendar ends on 2100-12-31"), "{error}");
}

#[test]
fn the_shipped_scenarios_are_valid_and_do_what_they_say() {
    let read = |name: &str| {
        let path = repository(&format!("examples/scenarios/{name}.toml"));
        Scenario::from_toml(&std::fs::read_to_string(path).unwrap())
            .unwrap()
            .resolve(&SHANGHAI, date(FIRST_DAY))
            .unwrap()
    };
    let stock = |sector: &str| Instrument { sector: SectorKey::of(sector), ..instrument("AAPL", "150.00", 0.025) };
    let change = |events: &[ScenarioEvent], sector: &str, days: usize| {
        let bars = ohlcv(&made(&full(42), stock(sector), events, days).0);
        bars[bars.len() - 1].close().ticks() as f64 / 15_000.0 - 1.0
    };
    assert!(change(&read("crash"), "", 1) < -0.05);
    assert!(change(&read("melt-up"), "Technology", 5) > change(&[], "Technology", 5) + 0.15);
    assert!(change(&read("melt-up"), "Finance", 5) == change(&[], "Finance", 5));
    assert_eq!(made(&gbm(42), stock(""), &read("halt"), 1).1.len(), 1);
}
