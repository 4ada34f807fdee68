//! The service: installed and removed by the installer of the repository.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use klined_testing::repository;
use tempfile::tempdir;

fn programs() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_market-relay")).parent().unwrap().to_owned()
}

fn install(root: &Path, words: &[&str]) -> Output {
    let mut command = Command::new(repository("deploy/install.sh"));
    command.arg("--relay").arg("--root").arg(root).arg("--bin-dir").arg(programs()).args(words).output().unwrap()
}

fn done(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_installer_brings_the_relay_alone_and_takes_it_away_again() {
    let place = tempdir().unwrap();
    let root = place.path().join("root");
    done(&install(&root, &[]));
    let (unit, variables) = ("etc/systemd/system/market-relay.service", root.join("etc/klined/relay.env"));
    for name in ["usr/local/bin/market-relay", unit, "etc/klined/relay.env", "usr/local/share/doc/klined/KAFKA.md"] {
        assert!(root.join(name).is_file(), "{name}");
    }
    assert!(root.join("etc/systemd/system/multi-user.target.wants/market-relay.service").is_symlink());
    assert!(!root.join("usr/local/bin/market-generator").exists());
    // What the operator wrote, and the market's own configuration, stay.
    let market = root.join("etc/klined/klined.env");
    fs::write(&variables, "RELAY_ONLY=bars\n").unwrap();
    fs::write(&market, "DATABASE_URL=x\n").unwrap();
    done(&install(&root, &[]));
    assert_eq!(fs::read_to_string(&variables).unwrap(), "RELAY_ONLY=bars\n");
    done(&install(&root, &["--uninstall"]));
    assert!(!root.join("usr/local/bin/market-relay").exists() && !root.join(unit).exists() && variables.exists());
    done(&install(&root, &["--uninstall", "--purge"]));
    assert!(market.exists() && !variables.exists());
    let refusal = install(&root, &["--bin-dir", "/nowhere"]);
    let said = String::from_utf8_lossy(&refusal.stderr);
    assert!(!refusal.status.success() && said.contains("cargo build --release -p klined-relay"), "{said}");
}

#[test]
fn the_unit_is_valid_and_hardened_and_its_variables_are_known() {
    let place = tempdir().unwrap();
    let unit = place.path().join("market-relay.service");
    let text = fs::read_to_string(repository("deploy/systemd/market-relay.service")).unwrap();
    fs::write(&unit, text.replace("/usr/local/bin", programs().to_str().unwrap())).unwrap();
    let analyze = |words: &[&str]| {
        let output = Command::new("systemd-analyze").args(words).arg(&unit).output();
        let output =
            output.unwrap_or_else(|error| panic!("systemd-analyze: {error}; ./test.sh installs what is needed"));
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    };
    // It complains of a mistake and is content all the same.
    assert_eq!(analyze(&["verify", "--man=no"]), (true, String::new()));
    let (is_safe, said) = analyze(&["security", "--offline=true", "--no-pager", "--threshold=20"]);
    assert!(is_safe, "{said}");
    let help = Command::new(env!("CARGO_BIN_EXE_market-relay")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let variables = fs::read_to_string(repository("deploy/systemd/relay.env")).unwrap();
    for line in variables.lines().filter_map(|line| line.strip_prefix('#')) {
        if let Some((name, _)) = line.split_once('=').filter(|(name, _)| !name.contains(' ')) {
            let known = [format!("[env: {name}="), format!("[env: {name}]")];
            assert!(known.iter().any(|known| help.contains(known)), "{name} is no variable");
        }
    }
}
