//! Trades: markout by venue, slippage, order flow imbalance, VPIN.
//!
//! R. Cont, A. Kukanov, S. Stoikov, "The Price Impact of Order Book Events", Journal of Financial Econometrics 12 (2014);
//! D. Easley, M. López de Prado, M. O'Hara, "Flow Toxicity and Liquidity in a High-Frequency World", Review of Financial
//! Studies 25 (2012).

use super::statistics::{autocorrelation, correlation, mean};
use super::{Metric, minutes};
use crate::base::{NoMarket, Pair};
use crate::market::book::Best;
use crate::market::{Book, Ecn, Fill, Market};

const SECONDS: i64 = 2 * 3_600;
/// Looks at the book in a second.
const LOOKS: usize = 20;

/// What a change of the best prices and sizes adds to the order flow imbalance.
fn imbalance(before: &Best, now: &Best) -> f64 {
    let bid = |best: &Best, is_in: bool| if is_in { best.bid_size } else { 0.0 };
    let ask = |best: &Best, is_in: bool| if is_in { best.ask_size } else { 0.0 };
    bid(now, now.bid_price >= before.bid_price)
        - bid(before, now.bid_price <= before.bid_price)
        - ask(now, now.ask_price <= before.ask_price)
        + ask(before, now.ask_price >= before.ask_price)
}

pub(super) fn metrics(market: &Market) -> Result<Vec<Metric>, NoMarket> {
    let pair = Pair::all()[0];
    let mut walk = market.walk(&[pair]);
    // Two hours of London's afternoon, which are 15 h after the day's start.
    let start = minutes::days(market, (2025, 6, 3), 1).first().map_or(0, |day| day.start) + 15 * 3_600;
    let mut book = Box::<Book>::default();
    let mut looks: Vec<Best> = Vec::new();
    let mut mids: Vec<f64> = Vec::new();
    let mut fills: Vec<(Fill, f64)> = Vec::new();
    for second in start..start + SECONDS {
        let found = walk.second(second)?;
        let ladder = &found.ladders[0];
        for look in 0..LOOKS {
            let micros = (look * 1_000_000 / LOOKS) as i64;
            looks.push(ladder.best(micros, &mut book));
            mids.push(ladder.mid_ticks(micros));
        }
        for fill in found.fills() {
            let micros = fill.nanos.rem_euclid(1_000_000_000) / 1_000;
            fills.push((*fill, ladder.mid_ticks(micros)));
        }
    }
    fills.sort_by_key(|(fill, _)| fill.nanos);
    let ticks = pair.facts().ticks_per_unit();
    let sign = |fill: &Fill| if fill.is_buy { 1.0 } else { -1.0 };
    let ahead = |nanos: i64, by_nanos: i64| {
        let place = ((nanos + by_nanos - start * 1_000_000_000) * LOOKS as i64 / 1_000_000_000) as usize;
        mids.get(place).copied()
    };
    let markout = |venues: &[Ecn], by_nanos: i64| {
        let of_venue = fills.iter().filter(|(fill, _)| venues.contains(&fill.ecn));
        let moved = of_venue.filter_map(|(fill, mid)| Some(sign(fill) * (ahead(fill.nanos, by_nanos)? - mid)));
        mean(&moved.collect::<Vec<f64>>())
    };
    let (firm, last_look) = ([Ecn::Lmax, Ecn::Ebs], [Ecn::Hotspot, Ecn::Currenex]);
    let mut metrics = vec![
        Metric::new(
            "EURUSD mid after 1 s in the taker's favour, firm venues, ticks",
            markout(&firm, 1_000_000_000),
            (0.05, 1.5),
            "usual",
        ),
        Metric::new(
            "firm venues less last look",
            markout(&firm, 1_000_000_000) - markout(&last_look, 1_000_000_000),
            (0.02, 1.5),
            "usual",
        ),
    ];

    let mut orders: Vec<(u128, f64, f64, f64)> = Vec::new();
    for (fill, mid) in &fills {
        let cost = sign(fill) * (fill.price * ticks - mid) * fill.quantity;
        match orders.iter_mut().rev().take(40).find(|order| order.0 == fill.order_id) {
            Some(order) => {
                order.1 += fill.quantity;
                order.2 += cost;
            }
            None => orders.push((fill.order_id, fill.quantity, cost, sign(fill))),
        }
    }
    let sizes: Vec<f64> = orders.iter().map(|order| order.1).collect();
    metrics.push(Metric::new("mean of what an order trades, M", mean(&sizes) / 1e6, (0.6, 1.7), "2013 survey: 1.1"));
    let cost = |is_large: bool| {
        let of_size = orders.iter().filter(|order| (order.1 > 3e6) == is_large && (is_large || order.1 < 5e5));
        mean(&of_size.map(|order| order.2 / order.1).collect::<Vec<f64>>())
    };
    metrics.push(Metric::new(
        "cost against mid of orders over 3 M less that under 0.5 M, ticks",
        cost(true) - cost(false),
        (0.1, 5.0),
        "usual",
    ));
    let signs: Vec<f64> = orders.iter().map(|order| order.3).collect();
    metrics.push(Metric::new("autocorrelation of takers' sides", autocorrelation(&signs, 1), (0.005, 0.35), "usual"));

    // Ten seconds a window.
    let window = 10 * LOOKS;
    let (mut flows, mut moves) = (Vec::new(), Vec::new());
    for looks in looks.chunks_exact(window) {
        flows.push(looks.windows(2).map(|pair| imbalance(&pair[0], &pair[1])).sum());
        let mid = |best: &Best| 0.5 * (best.bid_price + best.ask_price);
        moves.push(mid(&looks[window - 1]) - mid(&looks[0]));
    }
    let r = correlation(&flows, &moves);
    metrics.push(Metric::new("R² of 10-second moves on order flow imbalance", r * r, (0.15, 0.9), "Cont et al. 2014"));

    let all: f64 = fills.iter().map(|(fill, _)| fill.quantity).sum();
    let bucket = all / 200.0;
    let (mut toxic, mut bought, mut sold) = (Vec::new(), 0.0, 0.0);
    for (fill, _) in &fills {
        *(if fill.is_buy { &mut bought } else { &mut sold }) += fill.quantity;
        if bought + sold >= bucket {
            toxic.push((bought - sold).abs() / (bought + sold));
            (bought, sold) = (0.0, 0.0);
        }
    }
    metrics.push(Metric::new("VPIN, mean of 200 buckets", mean(&toxic), (0.08, 0.5), "Easley et al. 2012"));
    Ok(metrics)
}
