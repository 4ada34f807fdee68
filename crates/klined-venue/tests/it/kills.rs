//! Killed at any instant and started again, the bars are those of a program that never stopped.

use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

use super::{Place, RUN};

/// How often a program is killed.
const KILLS: u64 = 8;

fn undisturbed() -> Vec<String> {
    let place = Place::on_sqlite();
    place.produce(RUN);
    place.succeeds("exchange-bars", "--input run --days 2");
    place.rows()
}

fn end_hard(child: &mut Child) -> bool {
    let is_over = child.try_wait().unwrap().is_some();
    child.kill().unwrap();
    child.wait().unwrap();
    is_over
}

/// Instants that are spread over a span, the same in every run.
fn between(seed: u64, nth: u64, least_ms: u64, most_ms: u64) -> Duration {
    Duration::from_millis(least_ms + (seed * 7919 + nth * 617) % (most_ms - least_ms))
}

/// A producer that keeps step with a fast clock, and a follower that is killed again and again.
fn killed(place: &Place, seed: u64) {
    // The two sessions take about five seconds each, and the pause between them as long.
    let words = format!("{RUN} --realtime --speed 360 --output run");
    let mut producer = place.program("exchange-producer", &words).spawn().unwrap();
    while !place.run_folder().join("manifest.json").is_file() {
        thread::sleep(Duration::from_millis(5));
    }
    let mut inside = 0;
    for nth in 0..KILLS {
        let mut follower = place.program("exchange-bars", "--input run --days 2 --speed 360").spawn().unwrap();
        thread::sleep(between(seed, nth, 50, 1500));
        inside += u64::from(!end_hard(&mut follower));
    }
    assert!(inside > KILLS / 2, "only {inside} of the kills hit a program that was at work");
    assert!(producer.wait().unwrap().success());
    place.succeeds("exchange-bars", "--input run --days 2");
    assert!(place.rows() == undisturbed(), "the rows differ from those of an undisturbed run");
    let compared = place.succeeds("exchange-bars", "--input run --verify");
    assert!(compared.ends_with("clean\n"), "{compared}");
    // What is written already is written once.
    place.succeeds("exchange-bars", "--input run --days 2");
    assert!(place.rows() == undisturbed());
}

#[test]
fn a_killed_follower_loses_and_doubles_nothing_on_sqlite() {
    killed(&Place::on_sqlite(), 1);
}

#[test]
fn a_killed_follower_loses_and_doubles_nothing_on_postgresql() {
    killed(&Place::on_postgresql(), 2);
}

#[test]
fn a_killed_producer_takes_the_follower_along_and_both_go_on() {
    let place = Place::on_sqlite();
    let words = format!("{RUN} --realtime --speed 360 --output run --bars {}", place.url);
    for nth in 0..4 {
        let mut producer = place.program("exchange-producer", &words).spawn().unwrap();
        thread::sleep(between(3, nth, 800, 2500));
        if nth == 3 {
            assert!(Command::new("kill").arg(producer.id().to_string()).status().unwrap().success());
            assert!(producer.wait().unwrap().success());
        } else {
            end_hard(&mut producer);
        }
    }
    // A follower that was left behind would hold the writer's role, and this one would wait for it.
    place.succeeds("exchange-producer", &format!("{RUN} --output run --bars {}", place.url));
    assert!(place.rows() == undisturbed());
}
