//! The keys in a file: they are listed without their secrets, and one is replaced while the server runs.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use rustix::process::Signal;

use super::guarding::key;
use crate::support::database::{Backend, Database};
use crate::support::programs::{assert_has, eventually};

#[test]
fn a_key_is_listed_and_replaced_while_the_server_runs() {
    let database = Database::new(Backend::Sqlite);
    let limits = "connections = 3 # one a desk\n";
    let [old, other] = [key(database.filled(), limits), key(&database, "")];
    let (id, secret) = old.split_once('.').unwrap();
    let path = |name: &str| database.directory.path().join(name);
    let before = fs::read_to_string(path("keys.toml")).unwrap();
    fs::set_permissions(path("keys.toml"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("keys.toml", path("linked.toml")).unwrap();
    let listed = database.klined("keys list --api-keys keys.toml").run().succeeded();
    assert_has(&listed.stdout, &[id, "somebody", "100", "200", "3", "1000", other.split('.').next().unwrap()]);
    assert!(!listed.stdout.contains(secret) && listed.stdout.lines().count() == 3, "{}", listed.stdout);

    let api = database.api("--api-keys keys.toml");
    let status = |key: &str| api.ask("/api/v2/tickers", &[("X-API-Key", key)]).status;
    assert_eq!((status(&old), status(&other)), (200, 200));
    let replaced = database.klined("keys replace --api-keys linked.toml").with(id).run().succeeded();
    let new = replaced.stdout.trim();
    assert!(new.starts_with(&format!("{id}.")) && new != old, "{new}");
    api.running.signal(Signal::HUP);
    eventually("the new key is taken", || status(new) == 200);
    assert_eq!((status(&old), status(&other)), (401, 200));
    // Nothing else in the file has changed, nor have its rights.
    let after = fs::read_to_string(path("keys.toml")).unwrap();
    let differing = before.lines().zip(after.lines()).filter(|(before, after)| before != after).count();
    assert_eq!((differing, before.lines().count()), (1, after.lines().count()));
    assert_eq!(fs::metadata(path("keys.toml")).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(fs::symlink_metadata(path("linked.toml")).unwrap().is_symlink());

    for (words, reasons) in [
        ("keys replace nobody --api-keys keys.toml", vec!["nobody", "klined keys list"]),
        ("keys replace somebody --api-keys keys.toml", vec!["several keys", "somebody", id]),
        ("keys list --api-keys nowhere.toml", vec!["nowhere.toml", "No such file"]),
        ("keys list", vec!["api-keys.toml", "No such file"]),
    ] {
        database.klined(words).run().failed(&reasons);
    }
    assert_eq!(fs::read_to_string(path("keys.toml")).unwrap(), after);
    assert_eq!(
        fs::read_dir(database.directory.path())
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("new-"))
            .count(),
        0
    );
}
