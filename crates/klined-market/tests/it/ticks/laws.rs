//! What holds of every minute.

use std::sync::Arc;

use klined_market::bars::ticks::{
    BestQuote, MinuteTicks, Side, TRADES_MAX, Tick, TickFacts, TickId, rolled_up, traded_of,
};
use klined_market::bars::{Bar, SymbolRun};
use klined_market::base::{Board, Instrument, Nanos, Ohlcv, Price, PriceLimits, Seed, Traded, UnixNanos};
use klined_market::model::{FullParameters, Model};
use klined_testing::market::gbm;
use klined_testing::stats::fnv1a;
use klined_testing::{SHANGHAI, date, trading_days_from};
use proptest::prelude::*;

use super::{FREE, bar, bars_of, limits, minute, of, price, symbol};

/// Every law of a minute's ticks against its bar.
pub(super) fn check(ticks: &MinuteTicks, facts: &TickFacts, bar: &Bar) {
    let (start, ohlcv) = (bar.first.start().saturating_nanos(), bar.ohlcv);
    let (trades, quotes) = (ticks.trades(), ticks.quotes());
    // Rolled up, the trades are the bar, with its turnover and number of trades where these are known.
    let rolled = rolled_up(trades);
    let known = ohlcv.traded().and_then(|_| rolled.and_then(|bar| bar.traded()));
    assert_eq!(rolled.map(|bar| bar.with_traded(known)), (ohlcv.volume() > 0).then_some(ohlcv));
    if let Some(traded) = ohlcv.traded() {
        let lots = ohlcv.volume() / facts.board.order_sizes().least as i64;
        assert!(traded.trades() <= lots.max(4) && (traded.trades() > 0) == (ohlcv.volume() > 0), "{traded:?}");
        let (low, high) = (ohlcv.low().ticks() * ohlcv.volume(), ohlcv.high().ticks() * ohlcv.volume());
        assert!((low..=high).contains(&traded.turnover()), "{traded:?} {ohlcv:?}");
    }
    assert_eq!(trades.iter().map(|trade| i128::from(trade.shares)).sum::<i128>(), i128::from(ohlcv.volume()));
    assert!(trades.len() <= TRADES_MAX);
    // Times increase strictly inside the minute, each trade's quote before it and after the trade before.
    assert_eq!(quotes[0].at, start);
    let all: Vec<Tick> = ticks.after(start.previous()).collect();
    assert_eq!(all.len(), trades.len() + quotes.len());
    assert!(all.windows(2).all(|pair| pair[0].at() < pair[1].at()));
    assert!(all.iter().all(|tick| (start..start + Nanos::MINUTE).contains(&tick.at())));
    let (down, up) = facts.limits.map_or((Price::MIN, Price::MAX), |held| (held.down, held.up));
    let (down, up) = (facts.bounds.hold(down), facts.bounds.hold(up));
    let (down, up) = (down.min(ohlcv.low()), up.max(ohlcv.high()));
    let sizes = facts.board.order_sizes();
    for BestQuote { bid, ask, .. } in quotes {
        assert!(bid.is_some() || ask.is_some());
        assert!(bid.zip(*ask).is_none_or(|(bid, ask)| bid.price < ask.price), "{bid:?} {ask:?}");
        for level in [bid, ask].into_iter().flatten() {
            assert!(down <= level.price && level.price <= up);
            assert!(level.shares >= sizes.least as i64 && level.shares % sizes.step as i64 == 0);
        }
        // A side is empty only for want of a price to stand at.
        assert!(ask.is_some() || bid.unwrap().price == up);
        assert!(bid.is_some() || ask.unwrap().price == down);
    }
    for (place, (trade, quote)) in trades.iter().zip(quotes).enumerate() {
        assert_eq!((usize::from(trade.place), usize::from(quote.place)), (place, place));
        let taken = match trade.side {
            Side::Buy => quote.ask,
            Side::Sell => quote.bid,
        };
        let taken = taken.unwrap();
        assert!(taken.price == trade.price && taken.shares >= trade.shares);
        assert_eq!(ticks.quote_at(trade.at), Some(*quote));
        assert_eq!(trade.id(), TickId::of(bar.first.start(), place as u16));
        assert_eq!((trade.id(), trade.id().place()), (quote.id(), trade.place));
        assert_eq!(trade.id().minute_start(), bar.first.start());
    }
}

/// Bars that no model makes as well: cheap and dear, flat and torn, from one share to the most that a bar can have.
fn any_bar() -> impl Strategy<Value = Bar> {
    let low = prop_oneof![Just(1_i64), 1..50_i64, 500..5_000_i64, Just(9_999_999_999_i64 - 100_000)];
    let range = prop_oneof![Just(0_i64), 1..4_i64, 1..100_i64, 1..100_000_i64];
    let volume = prop_oneof![
        0..6_i64,
        1..1_000_i64,
        (1..100_000_i64).prop_map(|lots| lots * 100),
        1..=i64::MAX,
        Just(i64::MAX),
        Just(i64::MAX / 100 * 100),
    ];
    (low, range, 0.0..=1.0_f64, 0.0..=1.0_f64, volume, 0..2_400_usize).prop_map(
        |(low, range, open, close, volume, index)| {
            let inside = |share: f64| price(low + (range as f64 * share).round() as i64);
            let ohlcv = Ohlcv::new(inside(open), price(low + range), price(low), inside(close), volume);
            Bar { first: minute(index), ohlcv: ohlcv.unwrap() }
        },
    )
}

fn any_facts() -> impl Strategy<Value = (usize, Option<(i64, i64)>)> {
    (0..Board::ALL.len(), prop::option::of((0..4_i64, 0..4_i64)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn ticks_roll_up_to_any_bar(bar in any_bar(), (board, room) in any_facts(), seed: u64, after in 0.0..1.0_f64) {
        let limits = room.map(|(below, above)| PriceLimits {
            down: price((bar.ohlcv.low().ticks() - below).max(1)),
            up: price((bar.ohlcv.high().ticks() + above).min(Price::MAX.ticks())),
        });
        let facts = TickFacts { board: Board::ALL[board], limits, ..FREE };
        let ticks = MinuteTicks::of(Seed(seed), &symbol(), &facts, &bar);
        check(&ticks, &facts, &bar);
        // A feed that begins in mid-minute tells the rest, and the bar so far is that of the trades before.
        let instant = bar.first.start().saturating_nanos() + Nanos::new((after * Nanos::MINUTE.get() as f64) as i64);
        let rest: Vec<Tick> = ticks.after(instant).collect();
        let all: Vec<Tick> = ticks.after(UnixNanos::MIN).collect();
        prop_assert!(all.ends_with(&rest) && rest.iter().all(|tick| tick.at() > instant));
        let told = &all[..all.len() - rest.len()];
        prop_assert!(told.iter().all(|tick| tick.at() <= instant));
        let trade_of = |tick: &Tick| if let Tick::Trade(trade) = tick { Some(*trade) } else { None };
        let trades: Vec<_> = told.iter().filter_map(trade_of).collect();
        prop_assert_eq!(&trades[..], ticks.trades_until(instant));
        prop_assert_eq!(ticks.until(instant), rolled_up(&trades));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn ticks_have_the_turnover_and_the_trades_that_were_decided(bar in any_bar(), (board, room) in any_facts(), seed: u64) {
        let limits = room.map(|(below, above)| PriceLimits {
            down: price((bar.ohlcv.low().ticks() - below).max(1)),
            up: price((bar.ohlcv.high().ticks() + above).min(Price::MAX.ticks())),
        });
        let facts = TickFacts { board: Board::ALL[board], limits, ..FREE };
        let traded = traded_of(Seed(seed), &SHANGHAI, &symbol(), facts.board, &bar);
        let most = i128::from(bar.ohlcv.high().ticks()) * i128::from(bar.ohlcv.volume());
        prop_assert_eq!(traded.is_some(), most <= i128::from(Traded::TURNOVER_MAX));
        let bar = Bar { ohlcv: bar.ohlcv.with_traded(traded), ..bar };
        let ticks = MinuteTicks::of(Seed(seed), &symbol(), &facts, &bar);
        check(&ticks, &facts, &bar);
        prop_assert!(traded.is_none() || ticks.traded() == traded);
    }

    #[test]
    fn a_turnover_that_no_trades_can_have_is_left_out_of_the_ticks(
        bar in any_bar(), turnover in 0..=Traded::TURNOVER_MAX, trades in 0..5_000_i64,
    ) {
        let wrong = Bar { ohlcv: bar.ohlcv.with_traded(Some(Traded::new(turnover, trades).unwrap())), ..bar };
        let ticks = of(FREE, &wrong);
        prop_assert!(ticks.traded() == wrong.ohlcv.traded() || ticks == of(FREE, &bar));
    }
}

/// Stocks of every board, cheap, dear and wild.
fn stocks() -> Vec<Instrument> {
    let rows = [
        ("600001", 8.0, 0.022, Board::Main, false, 149e6),
        ("600002", 1.2, 0.03, Board::Main, true, 3e6),
        ("300001", 31.0, 0.035, Board::ChiNext, false, 900e6),
        ("688001", 250.0, 0.04, Board::Star, false, 400e6),
        ("688002", 15.0, 0.05, Board::Star, false, 0.5e6),
        ("920001", 12.0, 0.05, Board::Beijing, false, 20e6),
        ("600519", 1500.0, 0.018, Board::Main, false, 5e9),
        ("V", 250.0, 0.02, Board::Free, false, 149e6),
    ];
    let stock = |(symbol, price, volatility, board, is_st, turnover)| {
        let plain = Instrument::parse(symbol, price, volatility).unwrap();
        Instrument { board, is_st, ..plain }.with_market(1.0, turnover).unwrap()
    };
    // Bounds that a stock reaches within a day.
    let bounded = |symbol, board, price| {
        let plain = Instrument { board, ..Instrument::parse(symbol, price, 0.05).unwrap() };
        plain.within(Some(price - 0.2), Some(price + 0.3)).unwrap()
    };
    let bounded = [bounded("HELD", Board::Free, 60.0), bounded("600003", Board::Main, 20.0)];
    rows.into_iter().map(stock).chain(bounded).collect()
}

#[test]
fn ticks_roll_up_to_the_bars_of_both_models() {
    let full = Model::full(Seed(3), FullParameters::default(), Arc::new(SHANGHAI.clone()));
    for model in [full, gbm(3)] {
        for stock in stocks() {
            bars_of(&model, &stock, 6, |facts, bar| {
                check(&MinuteTicks::of(Seed(3), &stock.symbol, facts, bar), facts, bar);
            });
        }
    }
}

#[test]
fn every_bar_of_a_run_has_a_turnover_and_trades_that_its_ticks_keep() {
    let days = trading_days_from(date("2026-01-05"), 3);
    let calendar = Arc::new(SHANGHAI.clone());
    for model in [Model::full(Seed(3), FullParameters::default(), calendar), gbm(3)] {
        for stock in stocks() {
            let mut run = SymbolRun::list(model.clone(), stock, days[0]);
            let mut bars = Vec::new();
            for &day in &days {
                if run.day() != day {
                    run.open_day(stock, day);
                }
                run.bars_until(&SHANGHAI, u16::MAX, &mut bars).unwrap();
                let facts = run.tick_facts();
                for (symbol, bar) in bars.drain(..) {
                    let ticks = MinuteTicks::of(Seed(3), &symbol, &facts, &bar);
                    check(&ticks, &facts, &bar);
                    assert_eq!(ticks.traded(), bar.ohlcv.traded());
                    assert!(bar.ohlcv.traded().is_some());
                    assert_eq!(traded_of(Seed(3), &SHANGHAI, &symbol, stock.board, &bar), bar.ohlcv.traded());
                }
            }
        }
    }
}

#[test]
fn turnovers_are_those_that_they_have_always_been() {
    let of_board = |board, prices, volume| {
        let bar = bar(prices, volume);
        let traded = traded_of(Seed(1), &SHANGHAI, &symbol(), board, &bar).unwrap();
        let ticks = MinuteTicks::of(
            Seed(1),
            &symbol(),
            &TickFacts::of_board(board),
            &Bar { ohlcv: bar.ohlcv.with_traded(Some(traded)), ..bar },
        );
        (traded.turnover(), traded.trades(), format!("{:#018x}", fnv1a(printed(&ticks).into_bytes())))
    };
    let found = [
        of_board(Board::Free, [1000, 1003, 999, 1001], 62_000),
        of_board(Board::Star, [1000, 1003, 999, 1001], 54_321),
        of_board(Board::Main, [150_000, 150_900, 149_800, 150_100], 1_234_567),
        of_board(Board::Main, [1002, 1004, 1000, 1001], 500),
    ];
    let found: Vec<_> = found.iter().map(|(turnover, trades, ticks)| (*turnover, *trades, ticks.as_str())).collect();
    assert_eq!(
        found,
        [
            (62_058_000, 115, "0x5f356a165721cc83"),
            (54_371_735, 91, "0xcda5612d0f1ffed7"),
            (185_495_324_700, 309, "0xc4cbb7a1a803bdb0"),
            (500_900, 4, "0xceb0c25a91339147"),
        ]
    );
}

#[test]
fn a_small_volume_still_touches_every_price() {
    // Open, high, low and close each of their own: four odd lots of one lot, and prints of less than a share of three
    // shares.
    let four = of(FREE, &bar([1002, 1004, 1000, 1001], 100));
    assert_eq!(four.trades().len(), 4);
    assert!(four.trades().iter().all(|trade| trade.shares > 0));
    let three_shares = of(FREE, &bar([1002, 1004, 1000, 1001], 3));
    assert_eq!(three_shares.trades().len(), 4);
    assert!(three_shares.trades().iter().any(|trade| trade.shares == 0));
    // One lot at one price is one trade.
    assert_eq!(of(FREE, &bar([1000; 4], 100)).trades().len(), 1);
    assert_eq!(of(FREE, &bar([1000; 4], 1)).trades().len(), 1);
    // Fewer trades than prices in between: only those that a bar is made of are touched for certain.
    let torn = bar([50_000, 90_000, 10_000, 20_000], 700);
    assert_eq!(rolled_up(of(FREE, &torn).trades()).map(|bar| bar.with_traded(None)), Some(torn.ohlcv));
    // A STAR order has 200 shares or more in any number, and so have its trades.
    let star = of(TickFacts { board: Board::Star, ..FREE }, &bar([1000, 1003, 999, 1001], 54_321));
    assert!(star.trades().iter().all(|trade| trade.shares >= 200));
    assert!(star.trades().iter().any(|trade| trade.shares % 100 != 0));
    // Elsewhere what is left over a lot is in one trade.
    let odd = of(FREE, &bar([1000, 1003, 999, 1001], 54_321));
    assert_eq!(odd.trades().iter().filter(|trade| trade.shares % 100 != 0).count(), 1);
}

#[test]
fn without_volume_there_are_quotes_and_no_trades() {
    let ticks = of(FREE, &bar([1000; 4], 0));
    assert!(ticks.trades().is_empty() && ticks.quotes().len() == 8);
    let touches =
        |quote: &BestQuote| [quote.bid, quote.ask].into_iter().flatten().any(|side| side.price == price(1000));
    assert!(ticks.quotes().iter().all(touches));
    assert_eq!(ticks.until(UnixNanos::MAX), None);
}

#[test]
fn a_bar_that_is_locked_at_a_limit_has_one_empty_side() {
    let main = |down, up| TickFacts { board: Board::Main, limits: limits(down, up), ..FREE };
    for volume in [0, 500_000] {
        let up = of(main(900, 1100), &bar([1100; 4], volume));
        assert!(up.quotes().iter().all(|quote| quote.ask.is_none() && quote.bid.unwrap().price == price(1100)));
        assert!(up.trades().iter().all(|trade| trade.side == Side::Sell));
        let down = of(main(900, 1100), &bar([900; 4], volume));
        assert!(down.quotes().iter().all(|quote| quote.bid.is_none() && quote.ask.unwrap().price == price(900)));
        assert!(down.trades().iter().all(|trade| trade.side == Side::Buy));
        let between = of(main(900, 1100), &bar([1000; 4], volume));
        assert!(between.quotes().iter().all(|quote| quote.bid.is_some() && quote.ask.is_some()));
    }
}

#[test]
fn every_argument_makes_other_ticks_and_nothing_else_does() {
    let one = bar([1000, 1003, 999, 1001], 62_000);
    let reference = of(FREE, &one);
    assert_eq!(reference, of(FREE, &one));
    let times = |ticks: &MinuteTicks| -> Vec<Nanos> {
        let start = ticks.minute().start().saturating_nanos();
        ticks.trades().iter().map(|trade| trade.at - start).collect()
    };
    let another = "600520".parse().unwrap();
    for other in [
        MinuteTicks::of(Seed(2), &symbol(), &FREE, &one),
        MinuteTicks::of(Seed(1), &another, &FREE, &one),
        of(FREE, &Bar { first: minute(8), ..one }),
    ] {
        assert_ne!(times(&reference), times(&other));
    }
    assert_ne!(reference, of(TickFacts { board: Board::Star, ..FREE }, &one));
    assert_ne!(reference, of(FREE, &bar([1000, 1003, 999, 1001], 62_100)));
}

#[test]
fn ids_increase_from_minute_to_minute() {
    let end_of = |index: usize| {
        let ticks = of(FREE, &Bar { first: minute(index), ..bar([1000; 4], 1 << 50) });
        (ticks.trades()[0].id(), ticks.trades()[ticks.trades().len() - 1].id())
    };
    let ends: Vec<_> = [0, 1, 119, 120, 239, 240].map(end_of).to_vec();
    assert!(ends.windows(2).all(|pair| pair[0].0 < pair[0].1 && pair[0].1 < pair[1].0));
    assert!(ends.iter().all(|(_, last)| last.number() < 1 << 53 && TickId::from_number(last.number()) == *last));
}

/// All that a minute's ticks say.
fn printed(ticks: &MinuteTicks) -> String {
    ticks.after(UnixNanos::MIN).map(|tick| format!("{tick:?}\n")).collect()
}

#[test]
fn ticks_are_those_that_they_have_always_been() {
    let facts = TickFacts { board: Board::Star, limits: limits(900, 1003), ..FREE };
    let cases = [
        of(FREE, &bar([1000, 1003, 999, 1001], 62_000)),
        of(facts, &bar([1000, 1003, 999, 1001], 54_321)),
        of(FREE, &bar([150_000, 150_900, 149_800, 150_100], i64::MAX)),
        of(FREE, &bar([1000; 4], 0)),
    ];
    let found = cases.each_ref().map(|ticks| format!("{:#018x}", fnv1a(printed(ticks).into_bytes())));
    assert_eq!(found, ["0x47d75ff9fadb6aae", "0xa456b7f517dc386c", "0xe238f351d5afef3a", "0x937fd943a0f38803"]);
    let first = of(FREE, &bar([1000, 1003, 999, 1001], 62_000)).trades()[0];
    assert_eq!((first.price, first.place), (price(1000), 0));
}
