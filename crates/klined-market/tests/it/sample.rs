//! Markets to take samples from: instruments of every kind, bars with their regimes, one large sample.

use std::sync::LazyLock;

use chrono::NaiveDate;
use klined_market::base::{Instrument, Ohlcv, Price};
use klined_market::model::{Model, Regime};
use klined_testing::market::{Inside, gbm, inside, instrument};
use klined_testing::{SHANGHAI_MINUTES, date, trading_days_from};
use proptest::prelude::*;

/// The first trading day of the samples.
pub const FIRST_DAY: &str = "2026-01-05";

/// Instruments of every price and volatility, cheap ones as likely as dear ones.
pub fn any_instrument() -> impl Strategy<Value = Instrument> {
    ("[A-Z0-9.]{1,20}", 0.0..10.0_f64, 0.0001..=1.0_f64).prop_map(|(symbol, magnitude, volatility)| {
        Instrument::parse(&symbol, Price::nearest(10_f64.powf(magnitude)).units(), volatility).unwrap()
    })
}

/// The bars of day after day, each with the regime that it was made in.
pub fn bars_of(model: Model, instrument: &Instrument, days: &[NaiveDate]) -> Vec<(Regime, Ohlcv)> {
    let mut state = model.first_state(instrument, days[0]);
    let mut bars = Vec::with_capacity(days.len() * usize::from(SHANGHAI_MINUTES));
    for &day in days {
        let mut path = model.open_day(instrument, &state, day).unwrap();
        for _ in 0..SHANGHAI_MINUTES {
            let bar = path.step();
            bars.push((path.regime(), bar));
        }
        state = path.state();
    }
    bars
}

/// Variance of one minute's log return in a regime, said once more: σ²c²/240, over Σπc² = (15·1 + 8·0.64 + 15·2.25)/38.
pub fn minute_variance(base_volatility: f64, regime: Regime) -> f64 {
    let factor = match regime {
        Regime::Bull => 1.0,
        Regime::Sideways => 0.8,
        Regime::Bear => 1.5,
    };
    (base_volatility * factor).powi(2) / 240.0 / ((15.0 + 8.0 * 0.64 + 15.0 * 2.25) / 38.0)
}

/// Mean log growth of one minute in a regime, said once more: ±15 % a year of 242.5 days of 240 minutes.
pub fn minute_drift(regime: Regime) -> f64 {
    let annual = match regime {
        Regime::Bull => 0.15,
        Regime::Sideways => 0.0,
        Regime::Bear => -0.15,
    };
    annual / 242.5 / 240.0
}

/// One minute of a symbol so dear that the tick does not show: log distances from the open.
#[derive(Debug, Clone, Copy)]
pub struct Move {
    pub regime: Regime,
    pub close: f64,
    pub high: f64,
    pub low: f64,
    /// The minute's variance.
    pub variance: f64,
}

impl Move {
    fn of(regime: Regime, bar: &Ohlcv, base_volatility: f64) -> Self {
        let distance = |price: Price| (price.ticks() as f64 / bar.open().ticks() as f64).ln();
        Self {
            regime,
            close: distance(bar.close()),
            high: distance(bar.high()),
            low: distance(bar.low()),
            variance: minute_variance(base_volatility, regime),
        }
    }

    /// The return, standardised by what the regime says of it: the model's own normal draw.
    pub fn draw(&self) -> f64 {
        (self.close - minute_drift(self.regime) + 0.5 * self.variance) / self.variance.sqrt()
    }
}

/// A redraw of the chain.
#[derive(Debug, Clone, Copy)]
pub struct Redraw {
    pub from: Regime,
    pub to: Regime,
    /// Trading minutes until the next one.
    pub hold: u16,
}

/// What was seen of one symbol.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    pub moves: Vec<Move>,
    pub redraws: Vec<Redraw>,
    /// Log returns from close to close.
    pub daily_returns: Vec<f64>,
}

/// The base volatility of the sample's symbols.
pub const SAMPLE_VOLATILITY: f64 = 0.02;
pub const SAMPLE_DAYS: usize = 80;
const SAMPLE_SYMBOLS: usize = 400;
/// The moves of every minute are kept of so many symbols.
const SYMBOLS_WITH_MOVES: usize = 30;

/// 400 symbols at 900000.00, where a tick is a thousandth of a minute's move or less, over 80 days: 7.7 million minutes
/// and about 100,000 redraws.
pub static SAMPLE: LazyLock<Vec<Seen>> = LazyLock::new(|| {
    let days = trading_days_from(date(FIRST_DAY), SAMPLE_DAYS);
    let see_all = |symbols: std::ops::Range<usize>| symbols.map(|symbol| see(symbol, &days)).collect::<Vec<_>>();
    let half = SAMPLE_SYMBOLS / 2;
    std::thread::scope(|scope| {
        let later = scope.spawn(|| see_all(half..SAMPLE_SYMBOLS));
        let mut all = see_all(0..half);
        all.extend(later.join().unwrap());
        all
    })
});

fn see(symbol: usize, days: &[NaiveDate]) -> Seen {
    let (model, instrument) = (gbm(1), instrument(&format!("S{symbol:06}"), "900000.00", SAMPLE_VOLATILITY));
    let mut seen = Seen::default();
    let mut state = model.first_state(&instrument, days[0]);
    let Inside { mut regime, minutes_left: mut left, .. } = inside(&state);
    for &day in days {
        let mut path = model.open_day(&instrument, &state, day).unwrap();
        let close_before = path.price();
        for _ in 0..SHANGHAI_MINUTES {
            let bar = path.step();
            if left == 0 {
                let now = inside(&path.state());
                seen.redraws.push(Redraw { from: regime, to: now.regime, hold: now.minutes_left + 1 });
                (regime, left) = (now.regime, now.minutes_left);
            } else {
                left -= 1;
            }
            if symbol < SYMBOLS_WITH_MOVES {
                seen.moves.push(Move::of(path.regime(), &bar, SAMPLE_VOLATILITY));
            }
        }
        seen.daily_returns.push((path.price().ticks() as f64 / close_before.ticks() as f64).ln());
        state = path.state();
    }
    seen
}
