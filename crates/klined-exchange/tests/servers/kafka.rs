//! The topic follows the logs: nothing is missing, nothing is there twice.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use klined_testing::kafka::each_record;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::tempdir;

use crate::support::{
    Server, assert_complete, broker, ends, logged, made, producer, put, records, said, terminated, until,
};

/// After this time the client has dropped what it held.
const CLIENTS_PATIENCE: Duration = Duration::from_secs(47);
const RUN: &str = "--seed 42 --days 2 --seconds 300 --chunk-size 256 --securities AAPL:10000,MSFT:15000,GOOG:12000";

#[test]
fn a_topic_is_made_with_three_partitions_and_holds_what_the_logs_hold() {
    let folder = tempdir().unwrap();
    made(producer(broker(), "whole", folder.path(), RUN));
    assert_eq!(ends(broker(), "whole").len(), 3);
    assert_complete(broker(), "whole", folder.path());
    // A second start sends nothing; more days follow behind the others.
    made(producer(broker(), "whole", folder.path(), RUN));
    assert_complete(broker(), "whole", folder.path());
    made(producer(broker(), "whole", folder.path(), &RUN.replace("--days 2", "--days 3")));
    assert_complete(broker(), "whole", folder.path());
}

#[test]
fn a_security_without_a_name_has_the_empty_key() {
    let folder = tempdir().unwrap();
    made(producer(broker(), "nameless", folder.path(), "--seed 9 --days 1 --seconds 10"));
    assert_eq!(assert_complete(broker(), "nameless", folder.path()), 718);
    each_record(broker(), "nameless", |record| assert_eq!(record.key, ""));
}

#[test]
fn a_producer_that_is_killed_again_and_again_sends_nothing_twice() {
    let folder = tempdir().unwrap();
    let run = RUN.replace("--seconds 300", "--seconds 3000");
    for _ in 0..4 {
        let before = records(broker(), "killed");
        let mut child = producer(broker(), "killed", folder.path(), &run).spawn().unwrap();
        until("more records", || records(broker(), "killed") > before || child.try_wait().unwrap().is_some());
        thread::sleep(Duration::from_millis(30));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    made(producer(broker(), "killed", folder.path(), &run));
    assert_complete(broker(), "killed", folder.path());
}

#[test]
fn a_paced_run_that_is_stopped_in_mid_day_goes_on_in_the_topic_too() {
    let folder = tempdir().unwrap();
    for _ in 0..2 {
        let before = records(broker(), "paced");
        let child =
            producer(broker(), "paced", folder.path(), &format!("{RUN} --realtime --speed 20")).spawn().unwrap();
        until("a thousand records", || records(broker(), "paced") > before + 1000);
        assert!(terminated(child).status.success());
    }
    assert!(records(broker(), "paced") > 2000);
    made(producer(broker(), "paced", folder.path(), RUN));
    assert_complete(broker(), "paced", folder.path());
}

/// A broker of its own for faults.
fn faulty() -> Server {
    Server::start("kafka.sh", "kafka")
}

#[test]
fn a_broker_that_is_away_holds_no_file_up_and_the_topic_is_complete_later() {
    let (broker, folder, alone) = (faulty(), tempdir().unwrap(), tempdir().unwrap());
    let run = RUN.replace("--seconds 300", "--seconds 3000");
    made(producer(&broker, "faults", alone.path(), "--days 1 --seconds 1"));
    let mut child = producer(&broker, "topic", folder.path(), &run).spawn().unwrap();
    until("the first records", || records(&broker, "topic") > 0 || child.try_wait().unwrap().is_some());
    broker.does("kill");
    // The logs are made to their end without the broker.
    until("the logs", || {
        let manifest = fs::read_to_string(folder.path().join("manifest.json")).unwrap_or_default();
        manifest.matches("2026-01-05.qrsdp").count() == 3 && !manifest.contains("partial")
    });
    assert!(child.try_wait().unwrap().is_none(), "the topic cannot be complete");
    thread::sleep(Duration::from_secs(30));
    broker.again();
    until("a minute", || records(&broker, "topic") > 0);
    broker.does("pause");
    thread::sleep(Duration::from_secs(3));
    broker.does("resume");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    // The producer gives up before the client drops records for their age, because the client may send what is behind them.
    assert!(said(&output).contains("takes no records"), "{}", said(&output));
    assert!(!said(&output).contains("was not taken in time"), "{}", said(&output));
    assert_complete(&broker, "topic", folder.path());
}

#[test]
fn a_slow_broker_gets_no_more_than_it_takes_soon() {
    let (broker, folder) = (faulty(), tempdir().unwrap());
    broker.does("limit 20000");
    let output = producer(&broker, "slow", folder.path(), &RUN.replace("--days 2", "--days 1")).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert!(!said(&output).contains("is made again"), "{}", said(&output));
    assert_complete(&broker, "slow", folder.path());
}

/// The producer over TLS, as a user.
fn secured(topic: &str, folder: &Path, mechanism: &str, user: &str, password: &str) -> std::process::Command {
    let mut command = producer(broker(), topic, folder, "--seed 9 --days 1 --seconds 10");
    command.env("KAFKA_BROKERS", format!("localhost:{}", broker().port + 2)).env("KAFKA_SECURITY_PROTOCOL", "SASL_SSL");
    command
        .env("KAFKA_SASL_MECHANISM", mechanism)
        .env("KAFKA_SASL_USERNAME", user)
        .env("KAFKA_SASL_PASSWORD", password);
    command.env("KAFKA_CA_FILE", broker().folder.path().join("tls/ca.pem"));
    command
}

#[test]
fn users_are_proved_over_tls_and_a_wrong_password_ends_the_program() {
    for (mechanism, topic) in [("PLAIN", "plain"), ("SCRAM-SHA-256", "scram")] {
        let folder = tempdir().unwrap();
        made(secured(topic, folder.path(), mechanism, "exchange", "exchange-pw"));
        assert_complete(broker(), topic, folder.path());
        let output = secured(topic, folder.path(), mechanism, "exchange", "wrong-pw").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains("cannot be used") && !said(&output).contains("wrong-pw"), "{}", said(&output));
    }
}

#[test]
fn a_missing_topic_and_no_right_to_make_it_end_the_program() {
    let folder = tempdir().unwrap();
    let output = secured("forbidden", folder.path(), "PLAIN", "stranger", "stranger-pw").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("topic forbidden cannot be used"), "{}", said(&output));
    assert!(ends(broker(), "forbidden").is_empty());
}

#[test]
fn a_topic_of_another_run_is_refused_and_stays_as_it_is() {
    let (folder, other) = (tempdir().unwrap(), tempdir().unwrap());
    made(producer(broker(), "foreign", folder.path(), RUN));
    for (run, why) in [
        (RUN.replace("--seed 42", "--seed 43"), "its session is \"run_42.1\", and the run is run_43"),
        (RUN.replace("AAPL", "IBM"), "its key is"),
        (format!("{RUN} --base-L 21"), "is not the one that its readers were given last"),
    ] {
        let output = producer(broker(), "foreign", &other.path().join(why.len().to_string()), &run).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{run}: {}", said(&output));
        assert!(said(&output).contains(why), "{run}: {}", said(&output));
    }
    assert_complete(broker(), "foreign", folder.path());
    assert_eq!(logged(folder.path()).len(), 3);
}

#[test]
fn a_topic_with_a_record_of_another_program_is_refused_and_stays_as_it_is() {
    let folder = tempdir().unwrap();
    let run = "--seed 9 --days 1 --seconds 10 --securities AAPL:10000";
    made(producer(broker(), "strange", folder.path(), run));
    for (value, why) in [
        (&b"hello"[..], "its value has 5 bytes, not 26"),
        (&[9; 26], "type 9 with side 9 is no event"),
        (&[0; 26], "it has no header \"session\""),
    ] {
        put(broker(), "strange", None, "AAPL", value);
        let before = records(broker(), "strange");
        let output = producer(broker(), "strange", folder.path(), run).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(
            said(&output).contains("of topic strange ends with a record that is not of this run"),
            "{}",
            said(&output)
        );
        assert!(said(&output).contains(why), "{}", said(&output));
        assert_eq!(records(broker(), "strange"), before);
    }
}

#[test]
fn of_two_producers_on_one_topic_the_one_that_stood_still_sends_nothing_more() {
    let (first, second) = (tempdir().unwrap(), tempdir().unwrap());
    let paced = format!("{RUN} --realtime --speed 20");
    let one = producer(broker(), "shared", first.path(), &paced).spawn().unwrap();
    until("a thousand records", || records(broker(), "shared") > 1000);
    // While the first one writes, the second finds no end of the topic.
    let output = producer(broker(), "shared", second.path(), &paced).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("another producer writes to partition"), "{}", said(&output));
    // The first one stands still, so the second one goes on for it. It holds records that it has not sent, and finds more in its logs.
    let signal = |signal| kill_process(Pid::from_child(&one), signal).unwrap();
    signal(Signal::STOP);
    let before = records(broker(), "shared");
    let two = producer(broker(), "shared", second.path(), &paced).spawn().unwrap();
    until("records of the second producer", || records(broker(), "shared") > before + 3000);
    thread::sleep(CLIENTS_PATIENCE);
    signal(Signal::CONT);
    let output = one.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("stop one of the producers"), "{}", said(&output));
    drop(terminated(two));
    made(producer(broker(), "shared", second.path(), RUN));
    assert_complete(broker(), "shared", second.path());
}

#[test]
fn a_producer_that_stood_still_for_longer_than_its_client_holds_records_leaves_no_gap() {
    let folder = tempdir().unwrap();
    // 180,000 events a second, so the client holds some at every instant.
    let run = "--seed 42 --securities AAPL:10000,MSFT:15000,GOOG:12000 --seconds 8000 --realtime --speed 1000 --days 1";
    let one = producer(broker(), "frozen", folder.path(), run).spawn().unwrap();
    until("records", || records(broker(), "frozen") > 200_000);
    let signal = |signal| kill_process(Pid::from_child(&one), signal).unwrap();
    signal(Signal::STOP);
    thread::sleep(CLIENTS_PATIENCE);
    signal(Signal::CONT);
    let output = one.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    assert_complete(broker(), "frozen", folder.path());
}
