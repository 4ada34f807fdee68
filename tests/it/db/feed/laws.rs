//! The laws, with a pump and a wall clock that are driven by hand.

use std::sync::atomic::Ordering;

use klined::feed::{Event, EventKind, MarketEvent};
use klined_market::bars::ticks::{BestQuote, Side, Tick};
use klined_market::model::ModelKind;

use super::*;
use crate::on_every_backend;
use crate::support::database::{Backend, Database};
use crate::support::market_builder::{at, fill, market_under, range, symbol};

/// A halt of one stock, one of everybody.
const HALTS: &str = "
[[event]]
kind = \"halt\"
symbol = \"TSLA\"
from = \"2026-03-03 14:56\"
until = \"2026-03-04 09:33\"
[[event]]
kind = \"halt\"
from = \"2026-03-04 09:35\"
until = \"09:37\"
";

/// A market that is written up to ten minutes before a close.
fn near_the_close(database: &Database, kind: ModelKind, events: &str) -> Market {
    let market = market_under(database, kind, "test", events);
    fill(&market, range("2026-03-02", "2026-03-03"), "2026-03-03 14:50:00").unwrap();
    market
}

fn at_speed(speed: f64) -> Pace {
    Pace::Test { speed }
}

fn load(count: &std::sync::atomic::AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}

/// Minute after minute over a night and halts, at a speed, sent in portions of which some come late.
fn at_a_speed(database: &Database, kind: ModelKind, speed: f64) {
    let mut stage = Stage::of(near_the_close(database, kind, HALTS), at_speed(speed), 77);
    let wanted = [symbol("AAPL"), symbol("TSLA")];
    let mut subscription = stage.subscription(&wanted);
    let mut judge = Judge::of(&stage.market);
    let minute = Nanos::new((Nanos::MINUTE.get() as f64 / speed) as i64);
    for update in 0..22 {
        let open = stage.market.store.clock().unwrap().unwrap().open_minute.saturating_nanos();
        for portion in 1..=6 {
            stage.pass(minute / 6);
            judge.listens(&mut subscription);
            // No event comes before its time.
            let now = open + 60 * SECOND / 6 * portion + SECOND / 1000;
            assert!(wanted.iter().all(|&symbol| judge.open(symbol).iter().all(|tick| tick.at() <= now)));
            // The generator comes early, and the last portion with the commit.
            if portion == 5 && update % 3 == 0 {
                break;
            }
        }
        stage.write(1);
        stage.look();
        judge.listens(&mut subscription);
    }
    assert_eq!((judge.bars[&wanted[0]].len(), judge.bars[&wanted[1]].len()), (20, 13));
    assert_eq!((judge.corrected, load(&stage.pump.counts().corrected)), (0, 0));
    assert_eq!(judge.halts.iter().filter(|(_, is_halted)| *is_halted).count(), 3);
    assert_eq!(judge.halts.iter().filter(|(symbol, _)| *symbol == wanted[0]).count(), 2);
    assert!(judge.trades > 200, "{}", judge.trades);
    let sessions = judge.market_events.iter().filter(|event| matches!(event, MarketEvent::Status(_))).count();
    assert_eq!(sessions, 4, "closed, open, halted, going on");
    // Nothing was worked out for anybody else.
    assert_eq!(load(&stage.pump.counts().foreseen), 2 * 23);
}

on_every_backend! {
    fn ticks_add_up_to_the_bar_that_is_committed_under_the_plain_model(database: &Database) {
        at_a_speed(database, ModelKind::Gbm, 60.0);
    }

    fn ticks_add_up_to_the_bar_that_is_committed_under_the_full_model(database: &Database) {
        at_a_speed(database, ModelKind::Full, 0.5);
    }

    fn the_last_trade_comes_with_the_quote_that_it_was_made_on(database: &Database) {
        let mut stage = Stage::of(near_the_close(database, ModelKind::Full, ""), at_speed(1.0), 77);
        let (kept, new) = (symbol("AAPL"), symbol("V"));
        let mut subscription = stage.subscription(&[kept]);
        let mut was_followed = 0;
        for step in 0..60 {
            // Before the minute's first trade it is one of the minute before.
            stage.pass(SECOND / 100 + step % 20 * 3 * SECOND / 20);
            let mut another = stage.pump.subscribe();
            for (symbol, last) in want(&mut stage.pump, &mut another, &[kept, new], stage.wall) {
                let (trade, traded_on) = (last.trade.unwrap(), last.traded_on.unwrap());
                let level = if trade.side == Side::Buy { traded_on.ask } else { traded_on.bid };
                assert_eq!((traded_on.id(), level.unwrap().price), (trade.id(), trade.price), "{symbol}");
                was_followed += usize::from(last.quote != last.traded_on);
            }
            drop(another);
            stage.look();
            if step % 20 == 19 {
                stage.write(1);
                stage.look();
            }
        }
        assert!(was_followed > 10, "{was_followed}");
        heard(&mut subscription).unwrap();
    }

    fn live_ticks_come_with_the_wall_clock(database: &Database) {
        let market = near_the_close(database, ModelKind::Full, "");
        let begin = at("2026-03-03 14:51:00").saturating_nanos();
        let mut stage = Stage::of(market, Pace::Live, (begin + SECOND / 5).get());
        let v = symbol("V");
        let mut subscription = stage.subscription(&[v]);
        let mut judge = Judge::of(&stage.market);
        // Past the close, when the wall goes on and the market does not.
        for second in 1..=600_i64 {
            stage.pass(begin + second * SECOND - stage.wall);
            let open_until = begin.max(stage.wall);
            judge.listens(&mut subscription);
            assert!(judge.open(v).iter().all(|tick| tick.at() <= open_until));
            if second % 60 == 0 && second < 540 {
                // Each tick of the minute was sent by the wall clock, before the commit.
                let sent = judge.open(v).len();
                stage.wall += SECOND / 5;
                stage.write(1);
                stage.look();
                let mut after = heard(&mut subscription).unwrap();
                after.truncate(1);
                assert_eq!(after[0].of(&v).unwrap().events.len(), 1, "only the bar is left, after {sent} ticks");
                judge.hears(&subscription, &after);
            }
        }
        assert_eq!(judge.bars[&v].len(), 8);
        assert_eq!(judge.corrected, 0);
    }

    fn minutes_that_come_at_once_are_sent_one_after_the_other(database: &Database) {
        market_under(database, ModelKind::Full, "test", HALTS);
        database.execute("UPDATE stock_metadata SET board = 'main'");
        let mut stage = Stage::of(near_the_close(database, ModelKind::Full, HALTS), at_speed(60.0), 0);
        let mut subscription = stage.subscription(&[symbol("AAPL"), symbol("V"), symbol("TSLA")]);
        let mut judge = Judge::of(&stage.market);
        for minutes in [1, 2, 5, 3, 4] {
            stage.pass(SECOND / 2);
            for _ in 0..minutes {
                stage.write(1);
            }
            stage.look();
            stage.look();
            judge.listens(&mut subscription);
        }
        assert_eq!((judge.bars[&symbol("V")].len(), judge.bars[&symbol("TSLA")].len()), (14, 7));
        assert!(judge.bars.values().all(|bars| bars.windows(2).all(|pair| pair[0].first < pair[1].first)));
    }

    fn minutes_that_come_too_fast_are_skipped_and_counted(database: &Database) {
        let mut stage = Stage::of(near_the_close(database, ModelKind::Gbm, ""), at_speed(60.0), 0);
        let v = symbol("V");
        let mut subscription = stage.subscription(&[v]);
        let mut judge = Judge::of(&stage.market);
        // To the end of this day and into the next.
        stage.write(9);
        let last = stage.write(100);
        stage.look();
        judge.listens(&mut subscription);
        assert_eq!(judge.bars[&v].len(), 60);
        assert_eq!(judge.bars[&v].last().unwrap().first, last);
        let skipped = MarketEvent::Skipped { from: at("2026-03-03 14:51:00"), until: judge.bars[&v][0].first.start() };
        assert!(judge.market_events.contains(&skipped), "{:?}", judge.market_events);
        assert_eq!(load(&stage.pump.counts().skipped), 49);
    }

    fn the_feed_stops_after_the_open_minute_and_goes_on_with_the_next_commit(database: &Database) {
        let mut stage = Stage::of(near_the_close(database, ModelKind::Full, ""), at_speed(1.0), 0);
        let v = symbol("V");
        let mut subscription = stage.subscription(&[v]);
        let mut judge = Judge::of(&stage.market);
        stage.pass(17 * SECOND);
        // Killed in mid-minute: the rest of the minute is sent, and then nothing.
        stage.generator = None;
        stage.pass(50 * SECOND);
        judge.listens(&mut subscription);
        let sent = judge.open(v).len();
        assert!(sent > 4);
        for _ in 0..5 {
            stage.pass(100 * SECOND);
            stage.look();
        }
        assert_eq!(heard(&mut subscription).unwrap().len(), 0);
        let market = stage.market.clone();
        stage.restart(&market);
        for _ in 0..3 {
            stage.write(1);
            stage.look();
            stage.pass(30 * SECOND);
        }
        judge.listens(&mut subscription);
        assert_eq!((judge.bars[&v].len(), judge.corrected), (3, 0));
    }

    fn a_bar_that_is_not_as_foreseen_is_marked_and_the_next_is_foreseen_again(database: &Database) {
        let mut stage = Stage::of(near_the_close(database, ModelKind::Gbm, ""), at_speed(1.0), 0);
        let (v, tsla) = (symbol("V"), symbol("TSLA"));
        let mut subscription = stage.subscription(&[v, tsla]);
        let mut judge = Judge::of(&stage.market);
        stage.pass(59 * SECOND);
        let events = "[[event]]\nkind = \"move\"\npercent = 30\nsymbol = \"V\"\nfrom = \"2026-03-03 14:51\"\nuntil = \"14:59\"";
        stage.restart(&market_under(database, ModelKind::Gbm, "late", events));
        for _ in 0..4 {
            stage.write(1);
            stage.look();
            stage.pass(30 * SECOND);
        }
        judge.listens(&mut subscription);
        assert_eq!((judge.bars[&v].len(), judge.bars[&tsla].len(), judge.corrected), (4, 4, 1));
        assert_eq!(load(&stage.pump.counts().corrected), 1);
        // Where nothing of the minute was sent yet, the ticks are those of the bar that came.
        while stage.generator.as_ref().unwrap().next().unwrap().start() != at("2026-03-04 09:30:00") {
            stage.write(1);
        }
        stage.look();
        database.execute("UPDATE stock_metadata SET base_volatility = 0.3");
        stage.write(1);
        stage.look();
        judge.listens(&mut subscription);
        assert_eq!((judge.bars[&v].len(), judge.corrected, load(&stage.pump.counts().corrected)), (10, 1, 3));
    }

    fn a_stock_that_ends_is_sent_to_the_end_of_its_minute_and_no_further(database: &Database) {
        let mut stage = Stage::of(near_the_close(database, ModelKind::Gbm, ""), at_speed(1.0), 0);
        let (v, tsla) = (symbol("V"), symbol("TSLA"));
        let mut subscription = stage.subscription(&[v, tsla]);
        let mut judge = Judge::of(&stage.market);
        stage.generator = None;
        let only = Generator::start(stage.market.clone(), &[tsla], date("2026-03-02"), &Stop::default());
        stage.generator = Some(only.unwrap());
        // To the next day.
        for _ in 0..12 {
            stage.write(1);
            stage.look();
            stage.pass(59 * SECOND);
        }
        judge.listens(&mut subscription);
        assert_eq!((judge.bars.contains_key(&v), judge.bars[&tsla].len()), (false, 12));
        assert_eq!(load(&stage.pump.counts().corrected), 1);
    }

    fn nothing_is_computed_for_symbols_without_a_subscriber(database: &Database) {
        let mut stage = Stage::of(near_the_close(database, ModelKind::Gbm, ""), at_speed(1.0), 0);
        let minute = |stage: &mut Stage| {
            let before = load(&stage.pump.counts().foreseen);
            stage.write(1);
            stage.look();
            stage.pass(SECOND);
            load(&stage.pump.counts().foreseen) - before
        };
        assert_eq!(minute(&mut stage), 0);
        let mut one = stage.subscription(&[symbol("V"), symbol("JPM")]);
        let mut other = stage.subscription(&[symbol("V"), symbol("NOBODY")]);
        assert_eq!(minute(&mut stage), 2);
        one.unsubscribe_from(&[symbol("V"), symbol("AAPL")]);
        assert_eq!(minute(&mut stage), 2);
        drop(one);
        assert_eq!(minute(&mut stage), 1);
        runtime().block_on(async {
            let look = async { stage.pump.look(stage.wall).unwrap() };
            tokio::join!(other.subscribe_to_all(), look);
        });
        assert_eq!(minute(&mut stage), 10);
        let updates = heard(&mut other).unwrap();
        assert_eq!(other.own(updates.last().unwrap()).count(), updates.last().unwrap().stocks.len());
        other.unsubscribe_from_all();
        assert_eq!(minute(&mut stage), 1);
        drop(other);
        assert_eq!(minute(&mut stage), 0);
    }
}

#[test]
fn a_subscriber_in_mid_minute_gets_the_last_ticks_and_all_that_follow() {
    let database = Database::new(Backend::Sqlite);
    let mut stage = Stage::of(near_the_close(&database, ModelKind::Full, ""), at_speed(1.0), 0);
    let v = symbol("AAPL");
    // Is connected all the time, and subscribes to nothing yet.
    let mut second = stage.pump.subscribe();
    let mut first = stage.subscription(&[v]);
    let mut judge = Judge::of(&stage.market);
    for _ in 0..45 {
        stage.pass(SECOND);
    }
    let last = want(&mut stage.pump, &mut second, &[v], stage.wall)[&v];
    let before = heard(&mut first).unwrap();
    judge.hears(&first, &before);
    let trades = |ticks: &[Tick]| {
        ticks
            .iter()
            .filter_map(|tick| if let Tick::Trade(trade) = tick { Some(*trade) } else { None })
            .collect::<Vec<_>>()
    };
    assert!(last.trade.is_some() && last.trade == trades(judge.open(v)).last().copied());
    assert!(heard(&mut second).unwrap().is_empty());
    // No subscriber has received an event of this one yet: the last tick is that of the market, up to now.
    let jpm = symbol("JPM");
    let open = stage.market.store.clock().unwrap().unwrap().open_minute.saturating_nanos();
    let lasts = want(&mut stage.pump, &mut second, &[jpm], stage.wall);
    let last = lasts[&jpm].trade.unwrap();
    assert!(last.at <= open + (stage.wall - UnixNanos::EPOCH) && last.at > open - 60 * SECOND, "{last:?}");
    for _ in 0..10 {
        stage.pass(SECOND);
    }
    stage.write(1);
    stage.look();
    let [one, two] = [&mut first, &mut second].map(|subscription| {
        let updates = heard(subscription).unwrap();
        updates.into_iter().filter(|update| update.of(&v).is_some()).map(|update| update.number).collect::<Vec<_>>()
    });
    assert!(!one.is_empty() && one == two);
    // At the first instant of a minute it is the last of the minute before.
    let lasts = want(&mut stage.pump, &mut second, &[symbol("MSFT")], stage.wall);
    let before = lasts[&symbol("MSFT")].trade.unwrap();
    assert!(before.at > open && before.at < open + 60 * SECOND, "{before:?}");
}

#[test]
fn a_slow_subscriber_learns_it_and_the_others_are_not_delayed() {
    let database = Database::new(Backend::Sqlite);
    let mut stage = Stage::of(near_the_close(&database, ModelKind::Full, ""), at_speed(1.0), 0);
    let v = symbol("V");
    let all: Vec<Symbol> = stage.market.store.universe().unwrap().iter().map(|row| symbol(&row.symbol)).collect();
    let (mut slow, mut quick) = (stage.subscription(&all), stage.subscription(&all));
    let mut judge = Judge::of(&stage.market);
    for _ in 0..8 {
        for _ in 0..60 {
            stage.pass(SECOND);
            judge.listens(&mut quick);
        }
        stage.write(1);
        stage.look();
    }
    judge.listens(&mut quick);
    assert_eq!(judge.bars[&v].len(), 8);
    assert!(matches!(heard(&mut slow), Err(Missed::Lagged(updates)) if updates > 0));
    assert_eq!(load(&stage.pump.counts().lagged), 1);
    drop(stage);
    assert!(matches!(heard(&mut quick), Err(Missed::Ended)));
}

#[test]
fn an_event_is_encoded_once_for_all_subscribers() {
    let database = Database::new(Backend::Sqlite);
    let mut stage = Stage::of(near_the_close(&database, ModelKind::Gbm, ""), at_speed(1.0), 0);
    let v = symbol("V");
    let mut subscription = stage.subscription(&[v]);
    stage.pass(20 * SECOND);
    let updates = heard(&mut subscription).unwrap();
    let sent = updates[0].of(&v).unwrap();
    let written = std::cell::Cell::new(0);
    // Each text has the quote that was valid before its event.
    let write = |symbol: &Symbol, event: &Event, standing: Option<&BestQuote>| {
        written.set(written.get() + 1);
        format!("{symbol} {event:?} {standing:?}").into()
    };
    let texts = |place, kinds: &'static [EventKind]| {
        let all = sent.encoded(place, |kind| kinds.contains(&kind), write);
        all.filter_map(|(event, text)| Some((event.kind(), text?.clone()))).collect::<Vec<_>>()
    };
    let trades = sent.events.iter().filter(|event| event.kind() == EventKind::Trade).count();
    // The other kinds are not encoded for subscribers that do not need them.
    assert_eq!((texts(0, &[EventKind::Trade]).len(), written.get()), (trades, trades));
    let both = texts(0, &[EventKind::Trade, EventKind::Quote]);
    assert_eq!((both.len(), written.get()), (sent.events.len(), sent.events.len()));
    assert_eq!(texts(0, &[EventKind::Trade, EventKind::Quote]), both);
    assert_eq!(written.get(), sent.events.len());
    let mut standing = sent.standing;
    for (event, (kind, text)) in sent.events.iter().zip(&both) {
        assert_eq!((event.kind(), format!("{v} {event:?} {:?}", standing.as_ref()).as_bytes()), (*kind, &text[..]));
        if let Event::Quote(quote) = event {
            standing = Some(*quote);
        }
    }
    assert!(texts(1, &[EventKind::Quote]).len() == both.len() - trades && written.get() == both.len() * 2 - trades);
}
