//! The exchange as services: what the installer brings, and the units of bars and playback.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use klined_testing::repository;
use tempfile::tempdir;

fn programs() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_exchange-bars")).parent().unwrap().to_owned()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[track_caller]
fn install(root: &Path, programs: &Path, words: &[&str]) {
    let mut command = Command::new(repository("deploy/install.sh"));
    command.arg("--exchange").arg("--root").arg(root).arg("--bin-dir").arg(programs).args(words);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn the_installer_brings_bars_and_playback_where_they_are_built_and_takes_them_away() {
    let place = tempdir().unwrap();
    let (root, units) = (place.path().join("root"), place.path().join("root/etc/systemd/system"));
    install(&root, &programs(), &[]);
    for program in ["exchange-producer", "exchange-log", "exchange-bars", "exchange-playback"] {
        assert!(root.join("usr/local/bin").join(program).is_file(), "{program}");
    }
    for (unit, is_enabled) in
        [("exchange-producer.service", true), ("exchange-playback.service", true), ("exchange-bars.service", false)]
    {
        assert!(units.join(unit).is_file(), "{unit}");
        assert_eq!(units.join("multi-user.target.wants").join(unit).is_symlink(), is_enabled, "{unit}");
    }
    install(&root, &programs(), &["--uninstall"]);
    for place in [&root.join("usr/local/bin"), &units.join("multi-user.target.wants")] {
        assert_eq!(fs::read_dir(place).unwrap().count(), 0);
    }
    assert!(!units.join("exchange-bars.service").exists());

    // The programs of klined-exchange alone.
    let few = place.path().join("few");
    fs::create_dir(&few).unwrap();
    for name in ["exchange-producer", "exchange-log", "exchange-feed", "exchange-listen", "exchange-calibrate"] {
        fs::hard_link(programs().join(name), few.join(name))
            .or_else(|_| fs::copy(programs().join(name), few.join(name)).map(drop))
            .unwrap();
    }
    install(&root, &few, &[]);
    assert!(units.join("exchange-producer.service").is_file());
    assert!(!units.join("exchange-playback.service").exists() && !units.join("exchange-bars.service").exists());
}

#[test]
fn the_units_are_valid_and_hardened_and_the_variables_are_known() {
    let place = tempdir().unwrap();
    for name in ["exchange-bars", "exchange-playback"] {
        let unit = place.path().join(format!("{name}.service"));
        let text = fs::read_to_string(repository(&format!("deploy/systemd/{name}.service"))).unwrap();
        fs::write(&unit, text.replace("/usr/local/bin", programs().to_str().unwrap())).unwrap();
        let analyze = |words: &[&str]| {
            let output = Command::new("systemd-analyze").args(words).arg(&unit).output();
            output.unwrap_or_else(|error| panic!("systemd-analyze: {error}; ./test.sh installs what is needed"))
        };
        // It complains of a mistake and is content all the same.
        let verified = analyze(&["verify", "--man=no"]);
        assert_eq!((verified.status.success(), said(&verified)), (true, String::new()));
        let rated = analyze(&["security", "--offline=true", "--no-pager", "--threshold=20"]);
        assert!(rated.status.success(), "{}", said(&rated));
    }
    let help = ["exchange-producer", "exchange-bars", "exchange-playback"]
        .map(|name| said(&Command::new(programs().join(name)).arg("--help").output().unwrap()))
        .concat();
    let variables = fs::read_to_string(repository("deploy/systemd/exchange.env")).unwrap();
    let names = variables.lines().filter_map(|line| Some(line.strip_prefix('#')?.split_once('=')?.0));
    for name in names.filter(|name| !name.contains(' ')) {
        let known = [format!("[env: {name}="), format!("[env: {name}]")];
        assert!(known.iter().any(|known| help.contains(known)), "{name} is no variable");
    }
}
