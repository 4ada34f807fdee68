//! The service: installed, upgraded and removed by the installer of the repository.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::tempdir;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy")
}

fn install(root: &Path, words: &[&str]) -> Output {
    let programs = Path::new(env!("CARGO_BIN_EXE_exchange-producer")).parent().unwrap();
    let mut command = Command::new(deploy().join("install.sh"));
    command.arg("--exchange").arg("--root").arg(root).arg("--bin-dir").arg(programs).args(words).output().unwrap()
}

fn done(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Every file and link, with its mode.
fn files(root: &Path) -> BTreeMap<String, u32> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let data = fs::symlink_metadata(&path).unwrap();
            if data.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().display().to_string();
                found.insert(name, data.permissions().mode() & 0o777);
            }
        }
    }
    found
}

#[test]
fn the_installer_brings_the_exchange_alone_and_takes_it_away_again() {
    let place = tempdir().unwrap();
    let root = place.path().join("root");
    done(&install(&root, &[]));
    let first = files(&root);
    for (name, mode) in [
        ("usr/local/bin/exchange-producer", 0o755),
        ("usr/local/bin/exchange-log", 0o755),
        ("usr/local/bin/exchange-feed", 0o755),
        ("usr/local/bin/exchange-calibrate", 0o755),
        ("etc/systemd/system/exchange-producer.service", 0o644),
        ("etc/systemd/system/multi-user.target.wants/exchange-producer.service", 0o777),
        ("etc/klined/exchange.env", 0o600),
        ("usr/local/share/doc/klined/EXCHANGE.md", 0o644),
    ] {
        assert_eq!(first.get(name), Some(&mode), "{name} of {first:?}");
    }
    assert!(!first.keys().any(|name| name.contains("market-")), "{first:?}");
    let variables = root.join("etc/klined/exchange.env");
    fs::write(&variables, "EXCHANGE_SEED=7\n").unwrap();
    done(&install(&root, &[]));
    assert_eq!((files(&root), fs::read_to_string(&variables).unwrap()), (first, "EXCHANGE_SEED=7\n".to_owned()));
    // The market's own configuration is none of its business.
    let market = root.join("etc/klined/klined.env");
    fs::write(&market, "DATABASE_URL=x\n").unwrap();
    done(&install(&root, &["--uninstall"]));
    let left: Vec<String> = files(&root).into_keys().collect();
    assert_eq!(left, ["etc/klined/exchange.env", "etc/klined/klined.env", "etc/klined/log-filter"]);
    done(&install(&root, &["--uninstall", "--purge"]));
    assert!(market.exists() && !variables.exists());
    let refusal = install(&root, &["--bin-dir", "/nowhere"]);
    let said = String::from_utf8_lossy(&refusal.stderr);
    assert!(!refusal.status.success() && said.contains("cargo build --release -p klined-exchange"), "{said}");
}

#[test]
fn the_unit_is_valid_and_hardened() {
    let place = tempdir().unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_exchange-producer")).parent().unwrap();
    let unit = place.path().join("exchange-producer.service");
    let text = fs::read_to_string(deploy().join("systemd/exchange-producer.service")).unwrap();
    fs::write(&unit, text.replace("/usr/local/bin", programs.to_str().unwrap())).unwrap();
    let analyze = |words: &[&str]| {
        let output = Command::new("systemd-analyze").args(words).arg(&unit).output();
        let output =
            output.unwrap_or_else(|error| panic!("systemd-analyze: {error}; ./test.sh installs what is needed"));
        (
            output.status.success(),
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)),
        )
    };
    // It complains of a mistake and is content all the same.
    assert_eq!(analyze(&["verify", "--man=no"]), (true, String::new()));
    let (is_safe, said) = analyze(&["security", "--offline=true", "--no-pager", "--threshold=20"]);
    assert!(is_safe, "{said}");
}
