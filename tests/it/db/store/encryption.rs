//! PostgreSQL over TLS, with certificates of an authority of the test's own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use klined::store;

use super::*;
use crate::support::cluster::Cluster;
use crate::support::programs::{TWO_DAYS, assert_has};

fn openssl(directory: &Path, words: &str) {
    let output = Command::new("openssl").args(words.split_whitespace()).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "openssl {words}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority, and what it has signed: the server for the address 127.0.0.1, and the user `certified`.
fn certificates() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let make = |words: &str| openssl(directory.path(), words);
    let new_key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    for authority in ["ca", "other"] {
        make(&format!(
            "req -x509 {new_key} -keyout {authority}.key -out {authority}.crt -days 30 -subj /CN={authority}"
        ));
    }
    fs::write(directory.path().join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    for name in ["server", "certified"] {
        make(&format!("req {new_key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
        make(&format!(
            "x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile names -out {name}.crt"
        ));
        fs::set_permissions(directory.path().join(format!("{name}.key")), fs::Permissions::from_mode(0o600)).unwrap();
    }
    directory
}

#[test]
fn a_server_that_takes_tls_only_is_used_and_known_by_its_certificate() {
    let (cluster, files) = (Cluster::start(), certificates());
    cluster.encrypt(files.path());
    let database = Database::on(&cluster, "");
    database.execute("CREATE ROLE certified LOGIN SUPERUSER; CREATE ROLE plain LOGIN SUPERUSER");
    let file = |name: &str| files.path().join(name).display().to_string().replace('/', "%2F");
    let (ca, other) = (format!("sslrootcert={}", file("ca.crt")), format!("sslrootcert={}", file("other.crt")));
    let pair = format!("sslcert={}&sslkey={}", file("certified.crt"), file("certified.key"));
    let url = |user: &str, host: &str, options: &str| {
        let url = database.url().replace("//postgres@127.0.0.1", &format!("//{user}@{host}"));
        database.called(format!("{url}?{options}"))
    };
    let open = |database: &Database| store::open(&options(database, 2, Duration::from_secs(10)));

    for (user, host, words) in [
        ("postgres", "127.0.0.1", "sslmode=require".to_owned()),
        ("postgres", "127.0.0.1", format!("sslmode=verify-full&{ca}")),
        ("postgres", "localhost", format!("sslmode=verify-ca&{ca}")),
        ("certified", "127.0.0.1", format!("sslmode=verify-full&{ca}&{pair}")),
    ] {
        let database = url(user, host, &words);
        open(&database).unwrap_or_else(|error| panic!("{words}: {error}"));
        let is_encrypted = "SELECT ssl::text AS text FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        assert_eq!(database.value(is_encrypted), "true");
    }

    fs::set_permissions(files.path().join("certified.key"), fs::Permissions::from_mode(0o644)).unwrap();
    for (user, host, words, reasons) in [
        ("postgres", "127.0.0.1", format!("sslmode=verify-full&{other}"), ["certificate verify failed", "sslrootcert"]),
        ("postgres", "127.0.0.1", format!("sslmode=verify-ca&{other}"), ["certificate verify failed", "sslrootcert"]),
        ("postgres", "localhost", format!("sslmode=verify-full&{ca}"), ["does not match host name", "localhost"]),
        (
            "postgres",
            "127.0.0.1",
            "sslmode=verify-full&sslrootcert=/nowhere".to_owned(),
            ["root certificate file", "/nowhere"],
        ),
        ("postgres", "127.0.0.1", "sslmode=require&sslrootcert=system".to_owned(), ["must be verify-full", "system"]),
        ("postgres", "127.0.0.1", "sslrootcert=system".to_owned(), ["certificate verify failed", "sslrootcert"]),
        (
            "certified",
            "127.0.0.1",
            format!("sslmode=require&{ca}&sslcertmode=disable"),
            ["client certificate", "sslcert"],
        ),
        (
            "certified",
            "127.0.0.1",
            format!("sslmode=require&{ca}&{pair}"),
            ["private key file", "group or world access"],
        ),
    ] {
        let error = open(&url(user, host, &words)).err().unwrap_or_else(|| panic!("{words} is taken"));
        assert!(matches!(error, StoreError::NoTls { .. }) && !error.is_retriable(), "{words}: {error}");
        assert_has(&error.to_string(), &reasons);
    }
    let error = open(&url("postgres", "127.0.0.1", "sslmode=disable")).err().expect("the server takes TLS only");
    assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    assert_has(&error.to_string(), &["no encryption"]);

    // A whole market by way of it.
    let encrypted = url("postgres", "127.0.0.1", &format!("sslmode=verify-full&{ca}"));
    encrypted.market_backfill(TWO_DAYS).run().succeeded();
    encrypted.klined("verify").run().succeeded();

    // A server that goes away is worth another try.
    let desk = encrypted.open();
    let writer = desk.acquire(Role::Writer).unwrap();
    let locked = OtherSession::lock_bars(&encrypted);
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| desk.write(&writer, &full_batch("AAA", &minutes(1))));
        while encrypted
            .column("SELECT pid::text AS text FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()")
            .is_empty()
        {
            std::thread::yield_now();
        }
        cluster.stop("immediate");
        let error = writing.join().unwrap().unwrap_err();
        assert!(error.is_retriable(), "{error}");
    });
    drop(locked);
    let url = format!("postgresql://postgres@127.0.0.1:{}/postgres?sslmode=require", Cluster::shared().port);
    let error = open(&database.called(url)).err().expect("a server without TLS");
    assert_has(&error.to_string(), &["server does not support SSL", "sslmode"]);
}
