//! The scorecard on seeds that nobody tuned on. The model was tuned on seeds 1 to 5.

use klined_fx::realism::Scorecard;

/// A seed's market: n is about 2,300 days, 80 days of minutes, 750 instants of 30 books, two hours of trades and 240
/// seconds of rows.
fn is_inside(seed: u64) {
    let card = Scorecard::of(seed).unwrap();
    assert!(card.metrics.len() >= 30);
    assert!(card.is_inside(), "{}", card.table());
}

#[test]
fn seed_101_looks_like_a_market() {
    is_inside(101);
}

#[test]
fn seed_102_looks_like_a_market() {
    is_inside(102);
}

#[test]
fn seed_103_looks_like_a_market() {
    is_inside(103);
}
