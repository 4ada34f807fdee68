//! What is deployed: units that systemd takes and rates, an installer that may be run again, alerts and a dashboard of
//! metrics that exist, pm2.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::database::{Backend, Database};
use crate::support::http::get;
use crate::support::programs::assert_has;

const UNITS: [&str; 3] = ["market-generator.service", "data-aggregator.service", "market-api.service"];
/// In tenths: how much a unit may be exposed by systemd's own count.
const EXPOSURE_MAX: &str = "20";

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn programs() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_klined")).parent().unwrap().to_owned()
}

fn run(program: impl AsRef<std::ffi::OsStr>, words: &[&str]) -> Output {
    let output = Command::new(program.as_ref()).args(words).output();
    output.unwrap_or_else(|error| panic!("{}: {error}; ./test.sh installs what is needed", program.as_ref().display()))
}

/// Both streams of a command that must succeed.
#[track_caller]
fn said(output: Output) -> String {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    text
}

fn install(root: &Path, words: &[&str]) -> Output {
    let programs = programs();
    let root = ["--root", root.to_str().unwrap(), "--bin-dir", programs.to_str().unwrap()];
    run(deploy().join("install.sh"), &[&root, words].concat())
}

/// Every file and link below a directory, with mode and content.
fn tree(root: &Path) -> BTreeSet<String> {
    let list = "find . -printf '%y %m %p %l\\n'; find . -type f -exec cksum {} +";
    said(run("sh", &["-c", &format!("cd '{}' && {{ {list}; }}", root.display())])).lines().map(str::to_owned).collect()
}

#[test]
fn the_units_are_valid_and_hardened() {
    let place = tempfile::tempdir().unwrap();
    for name in UNITS {
        let text = fs::read_to_string(deploy().join("systemd").join(name)).unwrap();
        for line in ["Type=notify", "Restart=always", "RestartSec=10", "StateDirectory=klined", "LogsDirectory=klined"]
        {
            assert!(text.lines().any(|found| found == line), "{name} lacks {line}");
        }
        assert!(text.lines().any(|line| line.starts_with("MemoryMax=")), "{name} may take all memory");
        // Where the programs are before they are installed.
        let unit = place.path().join(name);
        fs::write(&unit, text.replace("/usr/local/bin", programs().to_str().unwrap())).unwrap();
        let unit = unit.to_str().unwrap();
        // It complains of a mistake and is content all the same.
        assert_eq!(said(run("systemd-analyze", &["verify", "--man=no", unit])), "");
        let threshold = format!("--threshold={EXPOSURE_MAX}");
        said(run("systemd-analyze", &["security", "--offline=true", "--no-pager", &threshold, unit]));
    }
}

#[test]
fn the_installer_may_be_run_again_and_undone() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path().join("root");
    said(install(&root, &[]));
    let first = tree(&root);
    let listed = first.iter().cloned().collect::<Vec<_>>().join("\n");
    assert_has(
        &listed,
        &[
            "f 755 ./usr/local/bin/market-generator",
            "f 755 ./usr/local/bin/data-aggregator",
            "f 755 ./usr/local/bin/market-backfill",
            "f 755 ./usr/local/bin/market-api",
            "f 755 ./usr/local/bin/klined",
            "f 600 ./etc/klined/klined.env",
            "f 644 ./etc/systemd/system/market-generator.service",
            "f 644 ./etc/systemd/system/market-api.service",
            "l 777 ./etc/systemd/system/multi-user.target.wants/data-aggregator.service /etc/systemd/system/data-aggregator.service",
        ],
    );
    said(install(&root, &[]));
    assert_eq!(tree(&root), first);

    // The operator's words outlive an upgrade and a removal.
    let env = root.join("etc/klined/klined.env");
    fs::write(&env, "DATABASE_URL=postgresql://u:s3cret@h/db\n").unwrap();
    let said_again = said(install(&root, &[]));
    assert!(!said_again.contains("s3cret"));
    said(install(&root, &["--uninstall"]));
    assert!(fs::read_to_string(&env).unwrap().contains("s3cret"));
    let left: Vec<String> =
        tree(&root).into_iter().filter(|line| line.starts_with('f') || line.starts_with('l')).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    said(install(&root, &["--uninstall", "--purge"]));
    said(install(&root, &["--uninstall"]));
    assert!(!tree(&root).iter().any(|line| line.starts_with('f') || line.starts_with('l')));

    for words in [&["--purge"][..], &["--nonsense"], &["--root"], &["--bin-dir", "/nowhere"]] {
        let output = install(&root, words);
        assert!(!output.status.success(), "{words:?}");
        assert_has(&String::from_utf8_lossy(&output.stderr), &["install.sh: "]);
    }
}

/// The names in a text that begin like a metric of ours.
fn metrics_in(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("klined_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn alerts_and_dashboard_use_the_metrics_that_are_served_and_no_others() {
    let database = Database::new(Backend::Sqlite);
    let mut market = database.klined("up --days 1 --speed 6000 --health-addr 0 --no-log-files").spawn();
    let address = market.health_address();
    market.until("it is ready", || get(&address, "/readyz").status == 200);
    market.until_minutes(2, &database);
    let api = database.api("");
    // Requests are counted by route, from the first on.
    api.get("/health");
    let served = get(&address, "/metrics").body + &api.get("/metrics").text;
    let mut names = metrics_in(&served);
    // A family without a member has only its head; the suffix of counters is not part of it.
    for line in served.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        names.extend([name.to_owned(), if kind == "counter" { format!("{name}_total") } else { name.to_owned() }]);
    }
    market.terminate().succeeded();
    let mut used = BTreeSet::new();
    for file in ["prometheus/alerts.yml", "grafana/klined.json"] {
        let in_file = metrics_in(&fs::read_to_string(deploy().join(file)).unwrap());
        assert!(in_file.len() > 5, "{file} uses {in_file:?}");
        let unknown: Vec<_> = in_file.difference(&names).collect();
        assert!(unknown.is_empty(), "{file} uses {unknown:?}, of {names:?}");
        used.extend(in_file);
    }
    // And every family is looked at by one of the two.
    for line in served.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let family = line.split(' ').next().unwrap();
        assert!(used.iter().any(|name| name.starts_with(family)), "no alert or panel uses {family}");
    }
    let dashboard = fs::read_to_string(deploy().join("grafana/klined.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() > 5);
}

#[test]
fn prometheus_takes_the_alerts() {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/usr/bin/promtool");
    let promtool = if own.exists() { own } else { PathBuf::from("promtool") };
    let text = said(run(promtool, &["check", "rules", deploy().join("prometheus/alerts.yml").to_str().unwrap()]));
    assert_has(&text, &["12 rules found"]);
}

#[test]
fn pm2_starts_the_programs_again_and_stops_them() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pm2.sh");
    assert_has(&said(run(script, &[programs().to_str().unwrap()])), &["pm2.sh: ok"]);
}

#[test]
fn the_proxies_of_the_examples_pass_on_what_they_should() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/proxies.sh");
    assert_has(&said(run(script, &[programs().to_str().unwrap()])), &["proxies.sh: ok"]);
}
