//! A server that wants to know who asks, in plain and behind TLS.

use super::database::Database;
use super::tls::{Authority, Terminator};

/// The private half of the key that `questdb.sh` gives the server.
const KEY: &str = "EjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJCrze8";
const KEY_X: &str = "Rxw-dYxJBChbun5TEY7Q9SSt6wdX0lvS-Oew1236cUw";
const KEY_Y: &str = "3VIPesqKi5F6zDf1HejwybvjrYWDgucC3CWhLQn3qFg";

#[test]
fn a_server_that_wants_to_know_who_asks() {
    let database = Database::start(Some("auth"), &[]);
    let authority = Authority::new();
    let (https, tcps) =
        (Terminator::before(database.port, &authority), Terminator::before(database.port + 2, &authority));
    let (https_port, tcps_port) = (https.port.to_string(), tcps.port.to_string());
    let place = tempfile::tempdir().unwrap();
    let secret = |name: &str, text: &str| {
        let path = place.path().join(name);
        std::fs::write(&path, format!("{text}\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (sql_password, ilp_password, key) = (secret("sql", "fx-pw"), secret("ilp", "ingest-pw"), secret("key", KEY));
    let ca = authority.file("ca.pem").to_str().unwrap().to_owned();
    let other_ca = Authority::new().file("ca.pem");
    let sql = ["--host", "localhost", "--user", "fx", "--password_file", &sql_password];
    let total = ["--total_market_data_events", "5_000", "--create_views", "false", "--suffix"];
    let run = |suffix: &str, more: &[&str]| -> Vec<String> {
        [&sql[..], &total[..], &[suffix], more].concat().iter().map(|word| (*word).to_owned()).collect()
    };
    let must_run = |suffix: &str, more: &[&str]| {
        let words = run(suffix, more);
        database.must_run(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(database.number(&format!("SELECT count() FROM market_data{suffix}")), 5_000);
    };
    let must_fail = |suffix: &str, more: &[&str], named: &str| {
        let words = run(suffix, more);
        let text = database.must_fail(&words.iter().map(String::as_str).collect::<Vec<_>>(), named);
        for secret in ["fx-pw", "ingest-pw", KEY] {
            assert!(!text.contains(secret), "{text}");
        }
        let made = format!("SELECT count() FROM tables() WHERE table_name = 'market_data{suffix}'");
        if database.number(&made) == 1 {
            assert_eq!(database.number(&format!("SELECT count() FROM market_data{suffix}")), 0);
        }
    };

    // The PostgreSQL wire and HTTP, with wrong passwords: nothing is made.
    database.must_fail(&["--total_market_data_events", "5_000"], "--password");
    // A user who may only read.
    let reads =
        ["--ilp_user", "ingest", "--ilp_password_file", &ilp_password, "--user", "reader", "--password", "reader-pw"];
    let text = database.must_fail(&reads, "CREATE TABLE");
    assert!(text.contains("refused"), "{text}");
    let basic = ["--ilp_user", "ingest", "--ilp_password_file", &ilp_password];
    must_fail("_wrong", &["--ilp_user", "ingest", "--ilp_password", "wrong"], "cannot send rows");
    must_run("_basic", &basic);

    // The key over TCP. Without it, and with another one, the server answers nothing; the count at the end does.
    let ec = ["--protocol", "tcp", "--ilp_user", "ilp_ingest", "--token_x", KEY_X, "--token_y", KEY_Y];
    must_fail("_keyless", &["--protocol", "tcp"], "0 are there");
    let in_plain = [&ec[..], &["--token_file", &key, "--tls", "false"]].concat();
    must_run("_key", &in_plain);
    let unknown = [
        "--protocol",
        "tcp",
        "--ilp_user",
        "nobody",
        "--token_x",
        KEY_X,
        "--token_y",
        KEY_Y,
        "--token_file",
        &key,
        "--tls",
        "false",
    ];
    must_fail("_nobody", &unknown, "");

    // Both behind TLS, where a token switches it on and an authority that is not the server's is refused.
    let over_https = ["--http_port", &https_port, "--tls_ca", &ca];
    must_run("_https", &[&basic[..], &over_https].concat());
    assert!(
        https.heard().contains("Authorization: Basic") || https.heard().contains("authorization: Basic"),
        "{}",
        https.heard()
    );
    let over_tcps = ["--ilp_port", &tcps_port, "--tls_ca", &ca, "--token_file", &key];
    must_run("_tcps", &[&ec[..], &over_tcps].concat());
    assert!(tcps.heard().starts_with("ilp_ingest\n"), "{}", tcps.heard());
    let other = ["--http_port", &https_port, "--tls_ca", other_ca.to_str().unwrap()];
    must_fail("_other", &[&basic[..], &other].concat(), "ertificate");
    let public = ["--ilp_port", &tcps_port, "--token_file", &key];
    must_fail("_public", &[&ec[..], &public].concat(), "ertificate");

    // A bearer token reaches the server, whose open version refuses it.
    must_fail("_bearer", &[&["--token", "a-token"][..], &over_https].concat(), "401");
    assert!(https.heard().contains("Bearer a-token"), "{}", https.heard());
}
