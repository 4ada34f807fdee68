//! Spreads by hour and pair, ladders, what is rare, round trips through three books.

use super::statistics::{deviation, mean, median};
use super::{Metric, minutes};
use crate::base::{Currency, FxDay, NoMarket, PAIRS, Pair, TICKS_PER_PIP};
use crate::market::book::Best;
use crate::market::pair_day::PairDay;
use crate::market::{Book, Fill, Market, Reason};
use crate::plan::PlannedSecond;
use crate::rows::{BookRow, CoreRow, Depth, RowMaker, Sink};

const BROKERS: &str = "brokers' usual spreads";
const FXCM: &str = "FXCM 1-minute bars";
const FENN: &str = "Fenn et al. 2009";

/// A round trip: for each of three books, which pair and whether its base is sold.
type Trip = [(usize, bool); 3];

/// All round trips through three books.
fn trips() -> Vec<Trip> {
    let find = |from: Currency, to: Currency| {
        Pair::all().into_iter().find_map(|pair| {
            let facts = pair.facts();
            let sells = facts.base == from && facts.quote == to;
            (sells || facts.base == to && facts.quote == from).then(|| (pair.index(), sells))
        })
    };
    let currencies: Vec<Currency> = Currency::LEGS.into_iter().chain([Currency::Usd]).collect();
    let mut found = Vec::new();
    for &a in &currencies {
        for &b in &currencies {
            for &c in &currencies {
                // Each trip once: it begins with its first currency.
                let is_first = (a as usize) < (b as usize) && (a as usize) < (c as usize) && b != c;
                if let (true, Some(first), Some(second), Some(third)) = (is_first, find(a, b), find(b, c), find(c, a)) {
                    found.push([first, second, third]);
                }
            }
        }
    }
    found
}

/// What a round trip earns at the best prices, in basis points.
fn profit_bp(trip: &Trip, best: &[Best; PAIRS]) -> f64 {
    let rate = |&(pair, sells): &(usize, bool)| if sells { best[pair].bid_price } else { 1.0 / best[pair].ask_price };
    (trip.iter().map(rate).product::<f64>() - 1.0) * 1e4
}

const NO_BEST: Best = Best { bid_price: 0.0, bid_size: 0.0, ask_price: f64::INFINITY, ask_size: 0.0 };

/// Follows the newest book of each pair, and what round trips through them would earn.
struct Watch {
    trips: Vec<Vec<Trip>>,
    best: [Best; PAIRS],
    most_bp: f64,
    /// Since when some trip has earned something, and the longest such time, in microseconds.
    since: Option<i64>,
    longest_micros: i64,
}

impl Watch {
    fn new() -> Self {
        let all = trips();
        let through = |pair: usize| all.iter().filter(|trip| trip.iter().any(|leg| leg.0 == pair)).copied().collect();
        let trips = (0..PAIRS).map(through).collect();
        Self { trips, best: [NO_BEST; PAIRS], most_bp: f64::NEG_INFINITY, since: None, longest_micros: 0 }
    }
}

impl Sink for Watch {
    type Error = NoMarket;

    fn book(&mut self, row: &BookRow) -> Result<(), NoMarket> {
        self.best[row.pair.index()] = row.book.best();
        let most = |trips: &[Trip]| trips.iter().map(|trip| profit_bp(trip, &self.best)).fold(-1e4, f64::max);
        let bp = most(&self.trips[row.pair.index()]);
        self.most_bp = self.most_bp.max(bp);
        if let Some(since) = self.since {
            let everywhere = self.trips.iter().map(|trips| most(trips)).fold(-1e4, f64::max);
            self.longest_micros = self.longest_micros.max(row.micros - since);
            self.since = self.since.filter(|_| everywhere > 0.0);
        } else if bp > 0.0 {
            self.since = Some(row.micros);
        }
        Ok(())
    }

    fn core(&mut self, _: &CoreRow) -> Result<(), NoMarket> {
        Ok(())
    }

    fn trade(&mut self, _: &Fill) -> Result<(), NoMarket> {
        Ok(())
    }
}

#[derive(Default)]
struct OfPair {
    london: Vec<f64>,
    day: Vec<f64>,
    asia: Vec<f64>,
    rollover: Vec<f64>,
}

pub(super) fn metrics(market: &Market) -> Result<Vec<Metric>, NoMarket> {
    let days: Vec<FxDay> = minutes::days(market, (2025, 6, 3), 40);
    let mut metrics = sampled(market, &days[..3])?;
    metrics.extend(rarity(market, &days)?);
    metrics.extend(rows(market, &days)?);
    Ok(metrics)
}

/// One instant every eleven minutes, all pairs.
fn sampled(market: &Market, days: &[FxDay]) -> Result<Vec<Metric>, NoMarket> {
    let (pairs, trips) = (Pair::all(), trips());
    let mut walk = market.walk(&pairs);
    let mut book = Box::<Book>::default();
    let mut of_pair: Vec<OfPair> = pairs.iter().map(|_| OfPair::default()).collect();
    let (mut thinning, mut log_sizes, mut most_bp) = (Vec::new(), Vec::new(), f64::NEG_INFINITY);
    for day in days {
        // The hour after 17:00 in New York has more.
        let instants = (0..24).map(|place| 150 * place + 7).chain((6..131).map(|place| 660 * place + 17));
        for at in instants.map(|seconds| day.start + seconds) {
            let hour = at.rem_euclid(86_400) / 3_600;
            let second = walk.second(at)?;
            let mut best = [NO_BEST; PAIRS];
            for (ladder, pair) in second.ladders.iter().zip(pairs) {
                ladder.book(333_333, 5, &mut book);
                best[pair.index()] = book.best();
                if ladder.reason != Reason::Normal {
                    continue;
                }
                let pips =
                    (book.ask_prices()[0] - book.bid_prices()[0]) * pair.facts().ticks_per_unit() / TICKS_PER_PIP;
                let spreads = &mut of_pair[pair.index()];
                match hour {
                    _ if at - day.start < 3_600 => spreads.rollover.push(pips),
                    0..5 => spreads.asia.push(pips),
                    12..16 => spreads.london.push(pips),
                    _ => {}
                }
                if (8..16).contains(&hour) {
                    spreads.day.push(pips);
                }
                let prices = book.ask_prices();
                let density = |level: usize| book.ask_sizes()[level] / (prices[level] - prices[level - 1]);
                thinning.push((density(4) / density(1)).ln());
                if pair.index() == 0 {
                    log_sizes.push(book.bid_sizes()[1].ln());
                }
            }
            most_bp = trips.iter().map(|trip| profit_bp(trip, &best)).fold(most_bp, f64::max);
        }
    }
    let mut metrics = Vec::new();
    let mut worst = (1.0_f64, "");
    for (spreads, pair) in of_pair.iter_mut().zip(pairs) {
        let ratio = median(&mut spreads.london) / pair.facts().spread_pips;
        if ratio.ln().abs() > worst.0.ln().abs() {
            worst = (ratio, pair.symbol());
        }
    }
    let name = format!("spread in London's afternoon / usual, worst of 30: {}", worst.1);
    metrics.push(Metric::new(name, worst.0, (0.65, 1.5), BROKERS));
    for (symbol, asia, rollover) in [("GBPUSD", (1.3, 2.6), (2.4, 5.0)), ("USDJPY", (0.9, 1.8), (2.4, 5.5))] {
        let pair = pairs.iter().position(|pair| pair.symbol() == symbol).unwrap_or_default();
        let spreads = &mut of_pair[pair];
        let day = median(&mut spreads.day);
        metrics.push(Metric::new(
            format!("{symbol} spread, Asia / 8-16 h"),
            median(&mut spreads.asia) / day,
            asia,
            FXCM,
        ));
        let name = format!("{symbol} spread, hour after 17:00 New York / 8-16 h");
        metrics.push(Metric::new(name, median(&mut spreads.rollover) / day, rollover, FXCM));
    }
    metrics.push(Metric::new(
        "size a tick at level 5 / level 2, median",
        median(&mut thinning).exp(),
        (0.2, 0.95),
        "usual",
    ));
    metrics.push(Metric::new("deviation of ln size, EURUSD level 2", deviation(&log_sizes), (0.5, 1.3), "usual"));
    metrics.push(Metric::new("best round trip at one instant, bp", most_bp, (-1e4, 0.0), FENN));
    Ok(metrics)
}

/// How often prices carry a reason, and what it looks like.
fn rarity(market: &Market, days: &[FxDay]) -> Result<Vec<Metric>, NoMarket> {
    let pair = Pair::all()[0];
    let mut walk = market.walk(&[pair]);
    let (mut news, mut dry, mut all) = (0, 0, 0);
    let mut shocks = Vec::new();
    for day in days {
        let context = PairDay::of(market.streams, pair, day, 5);
        let of_day = walk.day(day.start)?;
        for place in 0..8_640 {
            match context.reason(of_day, f64::from(place) * 10.0) {
                Reason::News => news += 1,
                Reason::Liquidity => dry += 1,
                Reason::Normal => {}
            }
            all += 1;
        }
        let of_pair = of_day.of_year.news.iter().filter(|news| news.concerns(pair));
        shocks.extend(of_pair.map(|news| day.start + news.at as i64));
    }
    let (mut moves, mut wider, mut thinner) = (Vec::new(), Vec::new(), Vec::new());
    let mut book = Box::<Book>::default();
    for &at in shocks.iter().filter(|&&at| market.settings.hours.day_at(at - 70).is_ok()) {
        let mut look = |second: i64| -> Result<(f64, f64, f64), NoMarket> {
            let found = walk.second(second)?;
            found.ladders[0].book(500_000, 5, &mut book);
            let spread = book.ask_prices()[0] - book.bid_prices()[0];
            let size = mean(book.bid_sizes()) + mean(book.ask_sizes());
            Ok((found.ladders[0].mid_ticks(500_000), spread, size))
        };
        let (early, before, during, after) = (look(at - 60)?, look(at - 30)?, look(at + 2)?, look(at + 20)?);
        moves.push(((after.0 - before.0) / (before.0 - early.0).abs().max(1.0)).abs());
        wider.push(during.1 / before.1);
        thinner.push(during.2 / before.2);
    }
    let share = |count: i32| f64::from(count) / f64::from(all) * 100.0;
    Ok(vec![
        Metric::new("EURUSD time in news, %", share(news), (0.02, 1.0), "usual"),
        Metric::new("EURUSD time in dry spells, %", share(dry), (0.01, 1.0), "usual"),
        Metric::new("news: move in 50 s / move in 30 s before, median", median(&mut moves), (3.0, 60.0), "usual"),
        Metric::new("news: spread / before, median", median(&mut wider), (2.5, 10.0), "usual"),
        Metric::new("news: size / before, median", median(&mut thinner), (0.1, 0.6), "usual"),
    ])
}

/// Rows at the usual rate, in quiet and around news, as a reader of the newest book of each pair sees them.
fn rows(market: &Market, days: &[FxDay]) -> Result<Vec<Metric>, NoMarket> {
    let pairs = Pair::all();
    let mut walk = market.walk(&[]);
    let mut starts = vec![days[0].start + 16 * 3_600];
    for day in days {
        let news = &walk.day(day.start)?.of_year.news;
        let largest = news.iter().max_by(|a, b| a.size.abs().total_cmp(&b.size.abs()));
        starts.extend(largest.map(|news| day.start + (news.at as i64 - 5).max(0)));
    }
    let mut watch = Watch::new();
    let mut maker = RowMaker::new(market.walk(&pairs), market.streams, &pairs, Depth { least: 1, most: 1 });
    for &start in &starts[..8] {
        // Books from before would be old.
        (watch.best, watch.since) = ([NO_BEST; PAIRS], None);
        for second in start..start + 30 {
            maker.second(PlannedSecond::whole(second, 4_000, 0), &mut watch)?;
        }
    }
    Ok(vec![
        Metric::new("best round trip through the newest rows, bp", watch.most_bp, (-1e4, 1.0), FENN),
        Metric::new("longest time that one earns, ms", watch.longest_micros as f64 / 1e3, (0.0, 999.0), FENN),
    ])
}
