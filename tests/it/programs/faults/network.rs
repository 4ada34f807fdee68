//! Between daemon and server bytes are held up, connections reset, and one side is left in the dark.

use std::thread::sleep;
use std::time::Duration;

use super::*;
use crate::support::cluster::Cluster;
use crate::support::database::Backend;
use crate::support::proxy::Proxy;

/// A filled database and a generator that reaches it by a network of its own, and has written.
fn generator_behind_a_proxy() -> (Database, Proxy, Running) {
    let database = Database::new(Backend::Postgres);
    let proxy = Proxy::to(Cluster::shared().port);
    let url = database.filled().url_by(proxy.port);
    let mut generator = database.market_generator(IMPATIENT).variable("DATABASE_URL", &url).spawn();
    generator.until_minutes(5, &database);
    (database, proxy, generator)
}

#[test]
fn a_network_that_stalls_is_waited_for() {
    let (database, proxy, mut generator) = generator_behind_a_proxy();
    for _ in 0..2 {
        proxy.hold();
        sleep(Duration::from_secs(2));
        proxy.release();
        generator.until_minutes(5, &database);
    }
    assert!(!generator.stderr().contains("retry"), "{}", generator.stderr());
    comes_through(generator, &database);
}

#[test]
fn connections_that_are_reset_are_made_anew() {
    let (database, proxy, mut generator) = generator_behind_a_proxy();
    for _ in 0..4 {
        proxy.reset();
        generator.until_minutes(3, &database);
    }
    comes_through(generator, &database);
}

#[test]
fn a_role_that_the_server_keeps_for_a_lost_connection_is_taken_back() {
    let (database, proxy, mut generator) = generator_behind_a_proxy();
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.extend(proxy.reset_unheard());
        generator.until_minutes(3, &database);
    }
    comes_through(generator, &database);
}

#[test]
fn a_network_that_takes_everything_and_answers_nothing_is_given_up() {
    let (database, proxy, generator) = generator_behind_a_proxy();
    proxy.hold();
    // By itself, and with the words that tell where to look.
    generator.wait().failed(&["accepted a request and not answered", "between this program and its server"]);
    proxy.reset();
    comes_through(database.restarted_generator(FAST), &database);
}
