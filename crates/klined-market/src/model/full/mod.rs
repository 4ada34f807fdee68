//! The full model: geometric Brownian motion under the regime chain, with the other properties of a stock market.
//!
//! A minute's log return is
//!
//! r = μ·dt − k + β·σM·s·c·(0.85·F + 0.15·Y) + σS·s·c·G + e + (T − T before) + news + shocks,
//!
//! with μ and c the regime's drift and factor, s the minute's share of the day's volatility, F and G the factors of market and
//! sector ([`market`]), e = σI·s·c·exp(h)·z the symbol's own part ([`volatility`], [`tails`]), T ← ρ·T + a·e an overshoot
//! that reverts ([`bounce`]), news and shocks with their compensators ([`events`], [`market`]). k compensates
//! the variance of the factors and of e, so that daily simple returns have the mean μ. The regime factors are divided by
//! √(Σ π c²), so that the base volatility is the unconditional one. The own part has the variance that the factors leave,
//! σI² = σ² − (βσM)² − σS².
//!
//! Each extension is a file of its own with a switch in [`FullParameters`]. A day takes a fixed number of words of its streams:
//! four for each bar (return, two for the extremes, volume), and from another stream those of the day as a whole. A part that
//! is switched off still takes its draws, so a switch changes no other draw.

mod bounce;
mod day;
mod events;
mod limits;
mod market;
mod overnight;
pub(super) mod parameters;
mod process;
mod profile;
mod tails;
mod version;
mod volatility;
mod volume;

use std::fmt;
use std::sync::Arc;

use chrono::NaiveDate;
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;
use serde::{Deserialize, Serialize};

pub use day::FullDay;
pub use parameters::{BoardParameters, FullParameters};
pub use version::FullVersion;

use super::normal;
use super::regime::Chain;
use crate::base::seed::open_unit;
use crate::base::{Board, Instrument, Price, Seed, Stream};
use crate::calendar::{Calendar, DayKind, Hours};
use bounce::{Bounce, Overshoot};
use market::MarketDays;

/// The part that all symbols share: the constants that follow from the parameters, and the common path.
pub struct Full {
    version: FullVersion,
    parameters: FullParameters,
    boards: BoardRules,
    /// The rules of the board `free`; none if they are those of all boards.
    free: Option<BoardRules>,
    days: MarketDays,
}

/// The constants of one kind of board.
struct BoardRules {
    parameters: BoardParameters,
    split: overnight::VarianceSplit,
    /// A shape for each kind of day that the calendar has.
    shapes: Vec<DayShape>,
    volatility: volatility::VolatilityModel,
    tails: tails::Tails,
    events: events::NewsModel,
    volume: volume::VolumeModel,
    bounce: Bounce,
    /// The variance of a day's news, and that of the market's shocks in variances of the market's part, where
    /// the base volatility includes both; else 0.
    news_variance: f64,
    shock_variance: f64,
}

/// The intraday profiles of one kind of day, as a step needs them.
struct DayShape {
    minutes: Vec<MinuteShape>,
    /// The minute from which a closing call is held; the number of minutes without one.
    call_from: usize,
}

/// The place of one minute in the intraday profiles.
#[derive(Debug, Clone, Copy)]
struct MinuteShape {
    /// Standard deviation as a share of the whole day's.
    volatility: f64,
    /// One over it.
    per_volatility: f64,
    log_volume: f64,
    /// The compensation of the market's factor, in its variances.
    market_charge: f64,
    /// The compensation of the own move, in its variances.
    own_charge: f64,
}

/// The state of a symbol between two minutes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FullState {
    /// The latent price in ticks, unrounded and without limits.
    latent_ticks: f64,
    /// The last printed price in ticks; the limits of the next day are computed from it.
    print_ticks: i64,
    /// False before the first bar of all, which opens at the base price.
    has_traded: bool,
    chain: Chain,
    /// Y: the exponential mean of the market's moves, from which their late part comes.
    late: f64,
    /// T, in its quick and its slow part.
    overshoot: Overshoot,
    volatility: volatility::VolatilityState,
    events: events::NewsState,
    volume: volume::VolumeState,
}

/// The words that a day takes as a whole, in order.
struct DailyDraws<'a>(&'a mut ChaCha8Rng);

impl DailyDraws<'_> {
    fn take<const N: usize>(&mut self) -> [u64; N] {
        std::array::from_fn(|_| self.0.next_u64())
    }

    fn normals<const N: usize>(&mut self) -> [f64; N] {
        self.take().map(|word| normal::quantile(open_unit(word)))
    }

    fn many_normals(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| normal::quantile(open_unit(self.0.next_u64()))).collect()
    }
}

impl Full {
    /// The model of a seed with its parameters.
    #[must_use]
    pub fn new(seed: Seed, version: FullVersion, parameters: FullParameters, calendar: Arc<Calendar>) -> Self {
        let (on_boards, hours) = (&parameters.boards, calendar.hours());
        let has_volatility = on_boards.volatility.enabled;
        let tails = tails::Tails::new(&on_boards.tails);
        Self {
            version,
            boards: BoardRules::new(on_boards, version, Board::Main, hours),
            free: version
                .has_own_rules_on_free()
                .then(|| BoardRules::new(&parameters.free, version, Board::Free, hours)),
            days: MarketDays::new(seed, calendar, on_boards.factors, has_volatility, tails),
            parameters,
        }
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> FullVersion {
        self.version
    }

    /// The parameters that it was made with.
    #[must_use]
    pub fn parameters(&self) -> &FullParameters {
        &self.parameters
    }

    /// The rules by which a board's stocks move.
    #[inline]
    fn rules(&self, board: Board) -> &BoardRules {
        self.free.as_ref().filter(|_| board == Board::Free).unwrap_or(&self.boards)
    }
}

impl BoardRules {
    /// The constants of one board's kind.
    fn new(parameters: &BoardParameters, version: FullVersion, board: Board, hours: Hours) -> Self {
        let has_closing_call =
            version.has_closing_call(board) && parameters.profile.enabled && hours.has_closing_call();
        let includes_jumps = version.has_jumps_in_base_volatility(board);
        let included = |variance: f64| if includes_jumps { variance } else { 0.0 };
        let split = overnight::VarianceSplit::new(&parameters.overnight, hours.has_nights());
        let bounce = Bounce::new(&parameters.bounce, hours.minutes_per_day());
        let shape = |kind: DayKind| {
            let profile = profile::Profile::new(&parameters.profile, kind, has_closing_call);
            let log_volume = volume::log_shares(&parameters.volume, &profile, split);
            let market_charge = market::charge(&parameters.factors, &profile.volatility);
            let own_charge = bounce.charge(kind.minutes());
            let of_minute = |minute| MinuteShape {
                volatility: profile.volatility[minute] * split.day,
                per_volatility: 1.0 / (profile.volatility[minute] * split.day),
                log_volume: log_volume[minute],
                market_charge: market_charge[minute],
                own_charge: own_charge[minute],
            };
            DayShape { minutes: (0..kind.minutes()).map(of_minute).collect(), call_from: profile.call_from }
        };
        Self {
            split,
            shapes: hours.day_kinds().map(shape).collect(),
            volatility: volatility::VolatilityModel::new(&parameters.volatility),
            tails: tails::Tails::new(&parameters.tails),
            events: events::NewsModel::new(parameters.events, parameters.overnight.enabled && hours.has_nights()),
            volume: volume::VolumeModel::new(parameters.volume, version, hours.minutes_per_day()),
            bounce,
            news_variance: included(events::variance(&parameters.events)),
            shock_variance: included(market::shock_variance(&parameters.factors, hours.days_per_year())),
            parameters: *parameters,
        }
    }
}

impl fmt::Debug for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Full")
            .field("version", &self.version)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

impl FullState {
    pub(super) fn first(full: &Full, seed: Seed, instrument: &Instrument, first_day: NaiveDate) -> Self {
        let mut stream = seed.stream(Stream::Listing, &instrument.symbol, first_day);
        let chain = Chain::stationary(&mut stream);
        let [slow, fast, block, volume_fast, volume_slow] = DailyDraws(&mut stream).normals();
        let rules = full.rules(instrument.board);
        Self {
            latent_ticks: instrument.base_price.ticks() as f64,
            print_ticks: instrument.base_price.ticks(),
            has_traded: false,
            chain,
            late: 0.0,
            overshoot: [0.0; 2],
            volatility: rules.volatility.first([slow, fast, block]),
            events: events::NewsState::default(),
            volume: rules.volume.first(volume_fast, volume_slow),
        }
    }

    fn print(&self) -> Price {
        Price::from_ticks(self.print_ticks).unwrap_or(Price::MIN)
    }
}
