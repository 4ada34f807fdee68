//! The full model: pinned numbers, the same bytes however it is driven, switches, limits, drift, parameters.

use chrono::NaiveDate;
use klined_market::bars::{Bar, Checkpoint, Opening, SymbolRun};
use klined_market::base::{Board, Instrument, Ohlcv, SectorKey, Symbol};
use klined_market::model::{FullParameters, FullVersion, Model};
use klined_testing::market::{full, full_of_version, full_with, instrument};
use klined_testing::stats::{ALPHA, fnv1a, ks, uniform_cdf};
use klined_testing::{SHANGHAI, SHANGHAI_MINUTES, assert_same, date, repository, trading_days_from};

use super::sample::bars_of;

/// A main-board stock of one of three sectors.
fn stock(place: usize) -> Instrument {
    let plain = instrument(&format!("6{place:05}"), ["5.00", "8.05", "150.00"][place % 3], 0.022);
    let sector = SectorKey::of(["banks", "coal", "retail"][place % 3]);
    Instrument { board: Board::Main, sector, beta: 0.8 + 0.1 * (place % 5) as f64, ..plain }
}

fn run(model: &Model, stock: Instrument, days: &[NaiveDate]) -> Vec<(Symbol, Bar)> {
    let mut run = SymbolRun::list(model.clone(), stock, days[0]);
    let mut bars = Vec::new();
    for (place, &day) in days.iter().enumerate() {
        if place > 0 {
            run.open_day(stock, day);
        }
        run.bars_until(&SHANGHAI, SHANGHAI_MINUTES, &mut bars).unwrap();
    }
    bars
}

fn printed(bar: &Ohlcv) -> String {
    format!("{} {} {} {} {}", bar.open(), bar.high(), bar.low(), bar.close(), bar.volume())
}

fn checksum(bars: &[(Symbol, Bar)]) -> u64 {
    fnv1a(bars.iter().flat_map(|(_, bar)| printed(&bar.ohlcv).into_bytes()))
}

/// Log distance from one price to another.
fn ratio(bar: &Ohlcv, of: impl Fn(&Ohlcv) -> klined_market::base::Price) -> f64 {
    (of(bar).ticks() as f64 / bar.open().ticks() as f64).ln()
}

#[test]
fn the_bars_of_two_days_are_pinned_in_every_version() {
    let days = [date("2026-01-05"), date("2026-01-06")];
    for (version, name, pinned, pinned_checksum, pinned_free) in PINNED {
        let model = full_of_version(42, version);
        assert_eq!(model.version(), name);
        let bars = run(&model, stock(1), &days);
        let lines: Vec<String> = PINNED_PLACES.iter().map(|&place| printed(&bars[place].1.ohlcv)).collect();
        assert_eq!(lines, pinned, "{name}");
        assert_eq!(checksum(&bars), pinned_checksum, "{name}: {:#x}", checksum(&bars));
        let free = run(&model, instrument("AAPL", "150.00", 0.025), &days);
        assert_eq!(checksum(&free), pinned_free, "{name}, board free: {:#x}", checksum(&free));
    }
    assert_eq!(full(42).version(), FullVersion::NEWEST.name());
}

#[test]
fn a_database_names_its_version_with_the_digest_of_its_parameters() {
    for version in FullVersion::ALL {
        for suffix in ["", "+0123456789abcdef"] {
            assert_eq!(FullVersion::of_identity(&format!("{}{suffix}", version.name())), Some(version));
        }
    }
    for unknown in ["full-1", "full-9", "gbm-1", "full", ""] {
        assert_eq!(FullVersion::of_identity(unknown), None, "{unknown}");
    }
    // What a file does not name has the default of its board, and the digests of full-2 are as they always were.
    let changed = FullParameters::from_toml("[overnight]\nshare = 0.15").unwrap();
    assert_eq!(changed.overrides(FullVersion::V2), "overnight.share = 0.15\n");
    assert_eq!(changed.overrides(FullVersion::V3), "overnight.share = 0.15\nfree.overnight.share = 0.15\n");
    let default = FullParameters::default();
    assert_eq!((changed.boards.events, changed.free.events), (default.boards.events, default.free.events));
    assert_eq!(FullParameters::from_toml("").unwrap(), FullParameters::default());
}

#[test]
fn a_closing_call_trades_at_one_price_in_the_last_minute_only() {
    let days = trading_days_from(date("2026-01-05"), 60);
    let mut jumps = 0;
    for bars in bars_of(full(9), &stock(1), &days).chunks(240) {
        let bars: Vec<Ohlcv> = bars.iter().map(|(_, bar)| *bar).collect();
        for pause in &bars[237..239] {
            assert_eq!(printed(pause), printed(&flat(&bars[236])));
        }
        let call = &bars[239];
        assert!(call.volume() > 0 && call.high() == call.low(), "{}", printed(call));
        jumps += usize::from(call.open() != bars[238].close());
        assert!(bars[..237].iter().filter(|bar| bar.volume() == 0).count() < 30);
    }
    assert!(jumps > 30, "{jumps}");
    // The board free has no call.
    let free = instrument("AAPL", "150.00", 0.025).with_market(1.0, 7.5e9).unwrap();
    assert!(bars_of(full(9), &free, &days).iter().all(|(_, bar)| bar.volume() > 0));
}

/// The bar of a minute without trade after a bar.
fn flat(before: &Ohlcv) -> Ohlcv {
    Ohlcv::spanning(before.close(), before.close(), before.close(), before.close(), 0)
}

#[test]
fn a_thin_stock_has_minutes_without_trade_and_the_same_turnover() {
    let days = trading_days_from(date("2026-01-05"), 250);
    let mut without = Vec::new();
    for daily_turnover in [1.0e6, 5.0e6, 149.0e6] {
        let thin = Instrument { daily_turnover, board: Board::Main, ..instrument("600001", "8.05", 0.022) };
        let toml = "[volume]\ntrade_value = 0\n[limits]\nenabled = false\n";
        let always = full_with(4, FullParameters::from_toml(toml).unwrap());
        let limitless = full_with(4, FullParameters::from_toml("[limits]\nenabled = false\n").unwrap());
        let (bars, all) = (bars_of(limitless, &thin, &days), bars_of(always, &thin, &days));
        let (mut quiet, mut sum, mut sum_of_all) = (0, 0.0, 0.0);
        for (place, ((_, bar), (_, other))) in bars.iter().zip(&all).enumerate() {
            if !matches!(place % 240, 237 | 238) {
                assert!(other.volume() > 0);
                quiet += usize::from(bar.volume() == 0);
            }
            if bar.volume() == 0 && place > 0 {
                assert_eq!(printed(bar), printed(&flat(&bars[place - 1].1)));
            }
            sum += bar.volume() as f64;
            sum_of_all += other.volume() as f64;
        }
        without.push(quiet as f64 / bars.len() as f64);
        // Whole lots, at least one, raise the volume of the thinnest a little.
        assert!((sum / sum_of_all - 1.0).abs() < 0.1, "{daily_turnover}: {sum} and {sum_of_all}");
    }
    assert!(without[0] > 0.6 && (0.3..0.6).contains(&without[1]) && without[2] < 0.02, "{without:?}");
}

#[test]
fn cache_order_and_threads_change_nothing() {
    let days = trading_days_from(date("2026-01-05"), 12);
    let in_order: Vec<u64> = (0..6).map(|place| checksum(&run(&full(3), stock(place), &days))).collect();
    let shared = full(3);
    // A day far ahead first, then the symbols backwards, then on threads with one common cache.
    run(&shared, stock(9), &[date("2027-03-01")]);
    let mut backwards: Vec<u64> = (0..6).rev().map(|place| checksum(&run(&shared, stock(place), &days))).collect();
    backwards.reverse();
    assert_eq!(backwards, in_order);
    let on_threads: Vec<u64> = std::thread::scope(|scope| {
        let (shared, days) = (&shared, &days);
        let all: Vec<_> = (0..6).map(|place| scope.spawn(move || checksum(&run(shared, stock(place), days)))).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(on_threads, in_order);
}

#[test]
fn a_restart_anywhere_goes_on_with_the_same_bytes() {
    let days = trading_days_from(date("2026-01-05"), 4);
    let whole = run(&full(5), stock(0), &days);
    for cut in [1, 100, 240, 241, 500, 959] {
        let mut before = SymbolRun::list(full(5), stock(0), days[0]);
        let mut bars = Vec::new();
        let until = |made: usize| if made >= 240 { 240 } else { made as u16 };
        for (place, &day) in days.iter().enumerate().take_while(|(place, _)| place * 240 < cut) {
            if place > 0 {
                before.open_day(stock(0), day);
            }
            before.bars_until(&SHANGHAI, until(cut - place * 240), &mut bars).unwrap();
        }
        let checkpoint = before.checkpoint();
        let opening: Opening = serde_json::from_str(&serde_json::to_string(&checkpoint.opening).unwrap()).unwrap();
        assert_eq!(opening, checkpoint.opening);
        let last_bar = bars.last().map(|(_, bar)| bar.first);
        let mut after = SymbolRun::resume(full(5), &SHANGHAI, Checkpoint { opening, ..checkpoint }, last_bar).unwrap();
        after.bars_until(&SHANGHAI, SHANGHAI_MINUTES, &mut bars).unwrap();
        for &day in days.iter().filter(|&&day| day > after.day()).collect::<Vec<_>>() {
            after.open_day(stock(0), day);
            after.bars_until(&SHANGHAI, SHANGHAI_MINUTES, &mut bars).unwrap();
        }
        assert_same(&bars, &whole);
    }
}

#[test]
fn prints_stay_inside_the_limits_and_minutes_join_within_a_day() {
    let days = trading_days_from(date("2026-01-05"), 260);
    let (mut bars_seen, mut gaps, mut at_limits) = (0, 0, 0);
    for place in 0..17 {
        let is_st = place % 4 == 0;
        let wild = Instrument { is_st, ..stock(place) };
        let mut close_before = wild.base_price;
        for (day, bars) in days.iter().zip(bars_of(full(7), &wild, &days).chunks(240)) {
            let limits = wild.board.price_limits(is_st, *day, close_before).unwrap();
            gaps += usize::from(bars[0].1.open() != close_before);
            for (place, (_, bar)) in bars.iter().enumerate() {
                assert!(limits.down <= bar.low() && bar.high() <= limits.up, "{day}: {}", printed(bar));
                let was_traded = place > 0 && bars[place - 1].1.volume() > 0;
                assert!(!was_traded || bar.open() == bars[place - 1].1.close());
                assert!(bar.volume() % 100 == 0);
                bars_seen += 1;
            }
            close_before = bars[239].1.close();
            at_limits += usize::from(close_before == limits.up || close_before == limits.down);
        }
    }
    assert!(bars_seen >= 1_000_000 && gaps > 3000 && at_limits > 20, "{bars_seen} {gaps} {at_limits}");
}

#[test]
fn a_switch_switches_one_thing_off() {
    // Long enough to meet a limit.
    let days = trading_days_from(date("2026-01-05"), 250);
    let all = checksum(&run(&full(11), stock(1), &days));
    for &section in FullParameters::SECTIONS {
        let parameters = FullParameters::switched(section, false).unwrap();
        let model = full_with(11, parameters);
        assert_ne!(checksum(&run(&model, stock(1), &days)), all, "{section}");
        assert!(model.version().len() <= 40 && model.version().starts_with("full-3+"), "{}", model.version());
    }
    // Without volume's memory and the day's shape every minute of a day trades the same.
    let even = FullParameters::from_toml("volume.enabled = false\nprofile.enabled = false").unwrap();
    let day = bars_of(full_with(11, even), &stock(1), &days[..1]);
    assert!(day.iter().all(|(_, bar)| bar.volume() == day[0].1.volume()));
    // Without nights, news and factors a day opens where the last one closed.
    let still = "overnight.enabled = false\nevents.enabled = false\nfactors.enabled = false\nlimits.enabled = false";
    let bars = bars_of(full_with(11, FullParameters::from_toml(still).unwrap()), &stock(1), &days);
    assert!(bars.windows(2).all(|pair| pair[0].1.volume() == 0 || pair[0].1.close() == pair[1].1.open()));
}

#[test]
fn extremes_are_those_of_a_brownian_bridge() {
    // With one normal part only, the variance of a minute is known: 0.022² · (1 − night) · c², shaped evenly.
    let toml = FullParameters::SECTIONS.iter().map(|section| format!("[{section}]\nenabled = false\n"));
    let plain = FullParameters::from_toml(&toml.collect::<String>()).unwrap();
    let dear = instrument("DEAR", "900000.00", 0.022);
    let bars = bars_of(full_with(2, plain), &dear, &trading_days_from(date("2026-01-05"), 300));
    let variance_of = |regime: klined_market::model::Regime| {
        let factor = regime.volatility_factor();
        0.022_f64.powi(2) * factor * factor / (1.0 + 0.418_421_052_631_579) / 240.0
    };
    // Whatever the minute's direction and size, in standard deviations: each has its share of bars.
    for (from, until) in [(-9.0, -1.0), (-1.0, 0.0), (0.0, 1.0), (1.0, 9.0)] {
        for (name, sign, reached) in [("high", 1.0, Ohlcv::high as fn(&Ohlcv) -> _), ("low", -1.0, Ohlcv::low)] {
            let level = |(regime, bar): &(klined_market::model::Regime, Ohlcv)| {
                let (variance, end) = (variance_of(*regime), ratio(bar, Ohlcv::close));
                let reach = sign * ratio(bar, reached);
                let is_inside = (from..until).contains(&(end / variance.sqrt()));
                is_inside.then(|| (-2.0 * reach * (reach - sign * end) / variance).exp())
            };
            let levels: Vec<f64> = bars.iter().filter_map(level).collect();
            assert!(levels.len() > 10_000);
            let p = ks(levels, uniform_cdf);
            assert!(p > ALPHA, "{name}, moves of {from} to {until}: p = {p}");
        }
    }
}

#[test]
fn errors_of_a_parameter_file_name_the_key() {
    let wrong = |text: &str| FullParameters::from_toml(text).unwrap_err().to_string();
    assert!(wrong("[overnight]\nshare = 1.5").contains("overnight.share = 1.5"));
    assert!(wrong("[overnight]\nshore = 0.1").contains("shore"));
    assert!(wrong("[nothing]\nx = 1").contains("nothing"));
    assert!(wrong("[overnight]\nshare = \"much\"").contains("share"));
    assert!(wrong("[overnight]\nshare = nan").contains("overnight.share"));
    assert!(wrong("overnight = ").contains("1"));
    let version = FullVersion::NEWEST;
    assert_eq!(FullParameters::from_toml("").unwrap().digest(version), None);
    let changed = FullParameters::from_toml("[overnight]\nshare = 0.15").unwrap();
    assert_eq!(changed.digest(version), FullParameters::from_toml("overnight.share = 0.15").unwrap().digest(version));
    for described in FullParameters::describe() {
        for default in [described.default, described.on_free] {
            assert!((described.min..=described.max).contains(&default), "{}", described.key);
        }
    }
}

#[test]
fn every_parameter_is_documented_with_its_default() {
    let page = std::fs::read_to_string(repository("docs/MODEL.md")).unwrap();
    for parameter in FullParameters::describe() {
        let default = match (parameter.default, parameter.on_free) {
            (default, on_free) if default == on_free => default.to_string(),
            (default, on_free) => format!("{default}; {on_free}"),
        };
        let row = format!("| `{}` | {default} |", parameter.key);
        assert!(
            page.contains(&row),
            "docs/MODEL.md lacks: {row} {} to {} | {} |",
            parameter.min,
            parameter.max,
            parameter.meaning
        );
    }
}

const PINNED_PLACES: [usize; 5] = [0, 1, 239, 240, 479];
/// Version, name, bars of the places, checksum of all bars, checksum of those of a stock of the board free.
const PINNED: [(FullVersion, &str, [&str; 5], u64, u64); 2] = [
    (
        FullVersion::V2,
        "full-2",
        [
            "8.05 8.09 8.04 8.07 349300",
            "8.07 8.11 8.06 8.11 69000",
            "8.14 8.14 8.14 8.14 68800",
            "8.12 8.14 8.11 8.13 142800",
            "8.95 8.95 8.95 8.95 181500",
        ],
        0x4598_42f0_1b38_6cd4,
        0x93ed_5cba_91ad_b5b8,
    ),
    (
        FullVersion::V3,
        "full-3",
        [
            "8.05 8.09 8.04 8.07 349300",
            "8.07 8.11 8.06 8.11 69000",
            "8.14 8.14 8.14 8.14 51300",
            "8.12 8.14 8.11 8.13 142800",
            "8.95 8.95 8.95 8.95 135500",
        ],
        0x772a_16c9_dae0_df03,
        0x9417_0bfd_0e43_8750,
    ),
];
