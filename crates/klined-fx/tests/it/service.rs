//! The program as a daemon: health, metrics, `.env`, messages to systemd, the unit, and a worker that dies.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use klined_fx::base::NoMarket;
use klined_fx::market::Fill;
use klined_fx::pipeline::{Encode, Flow, PipelineError};
use klined_fx::rows::{BookRow, CoreRow, Sink};
use klined_testing::http::get;

use super::database::{Running, said, shared};
use super::{at, job};

#[test]
fn health_metrics_progress_and_systemd_follow_a_run() {
    let database = shared();
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let rates = [
        "--market_data_min_eps",
        "900",
        "--market_data_max_eps",
        "900",
        "--core_min_eps",
        "100",
        "--core_max_eps",
        "100",
    ];
    let run = ["--mode", "real-time", "--suffix", "_health", "--health-addr", "0", "--create_views", "false"];
    let mut command = database.generator(&[&run[..], &rates].concat());
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "400000");
    let mut running = Running::start(command);
    let line = running.until("serving /healthz");
    let address = line.split("address=").nth(1).unwrap().trim().to_owned();
    let mut received = String::new();
    let mut until = |what: &str| {
        while !received.contains(what) {
            let mut buffer = [0; 4096];
            let length = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("no {what}, {error}: {received}"));
            received.push_str(&String::from_utf8_lossy(&buffer[..length]));
            received.push('\n');
        }
    };
    until("READY=1");
    until("WATCHDOG=1");
    let line = running.until("rows/s of all tables");
    assert!(
        line.contains("of 1000000 rows of market_data") && line.contains("time left") && line.contains("lag"),
        "{line}"
    );
    until("rows/s of all tables");
    assert!(get(&address, "/readyz").starts_with("HTTP/1.1 200"));
    assert!(get(&address, "/healthz").starts_with("HTTP/1.1 200"));
    let metrics = get(&address, "/metrics");
    let value = |name: &str| -> f64 {
        let found = metrics
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap_or_else(|| panic!("no {name} in {metrics}"));
        found.trim().parse().unwrap()
    };
    assert!(value("klined_fx_rows_sent_total{table=\"market_data\"}") >= 9_000.0);
    assert!(value("klined_fx_rows_sent_total{table=\"core_price\"}") >= 1_000.0);
    assert!(value("klined_fx_lag_transactions{table=\"core_price\"}") >= 0.0);
    assert!(value("klined_fx_second") > 1.7e9);
    for name in
        ["klined_fx_paused", "klined_fx_pauses_total", "klined_fx_send_retries_total", "klined_fx_late_seconds_total"]
    {
        assert_eq!(value(name), 0.0, "{name}");
    }
    running.signal("-TERM");
    until("STOPPING=1");
    let (ok, text) = running.end();
    assert!(ok && text.contains("stopped: "), "{text}");
}

#[test]
fn variables_come_from_a_file_too_and_a_wrong_line_starts_nothing() {
    let place = tempfile::tempdir().unwrap();
    let run = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fx-generator"));
        said(&command.args(words).current_dir(place.path()).stdin(Stdio::null()).output().unwrap())
    };
    let env = "FX_MODE=faster-than-life\nFX_SEED=9\nFX_PAIRS=\nFX_START_TS=2025-07-07T13:30:00\n";
    std::fs::write(place.path().join(".env"), env).unwrap();
    let (ok, text) = run(&["--dry-run"]);
    assert!(ok && text.contains("seed 9") && text.contains("30 pairs"), "{text}");
    for words in [&["--market_data_min_eps", "0"][..], &["--pairs", "XXXYYY"], &["--unknown"]] {
        let (ok, text) = run(words);
        assert!(!ok && text.contains("error"), "{text}");
    }
    let files: Vec<_> = std::fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, [".env"]);
}

#[test]
fn the_unit_is_valid_and_hardened_and_its_variables_are_the_programs() {
    let place = tempfile::tempdir().unwrap();
    let systemd = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/systemd");
    let text = std::fs::read_to_string(systemd.join("fx-generator.service")).unwrap();
    let unit = place.path().join("fx-generator.service");
    let program = Path::new(env!("CARGO_BIN_EXE_fx-generator"));
    std::fs::write(&unit, text.replace("/usr/local/bin", program.parent().unwrap().to_str().unwrap())).unwrap();
    let unit = unit.to_str().unwrap();
    let analyze = |words: &[&str]| said(&Command::new("systemd-analyze").args(words).output().unwrap());
    assert_eq!(analyze(&["verify", "--man=no", unit]), (true, String::new()));
    let (ok, text) = analyze(&["security", "--offline=true", "--no-pager", "--threshold=20", unit]);
    assert!(ok, "{text}");
    let help = said(&Command::new(program).arg("--help").output().unwrap()).1;
    let variables = std::fs::read_to_string(systemd.join("fx.env")).unwrap();
    for line in variables.lines().filter(|line| line.contains('=')) {
        let name = line.trim_start_matches('#').split('=').next().unwrap();
        assert!(['=', ']'].iter().any(|end| help.contains(&format!("[env: {name}{end}"))), "{name}");
    }
}

/// Makes rows until it dies.
struct Dying(u32);

impl Sink for Dying {
    type Error = NoMarket;

    fn book(&mut self, _: &BookRow) -> Result<(), NoMarket> {
        self.0 += 1;
        assert!(self.0 < 2_000, "a worker that dies");
        Ok(())
    }

    fn core(&mut self, _: &CoreRow) -> Result<(), NoMarket> {
        Ok(())
    }

    fn trade(&mut self, _: &Fill) -> Result<(), NoMarket> {
        Ok(())
    }
}

impl Encode for Dying {
    type Chunk = u32;

    fn take(&mut self) -> u32 {
        self.0
    }
}

#[test]
fn a_worker_that_dies_ends_the_run_with_an_error() {
    let job = job(7, at("2025-07-07T13:30:00Z"), None, 100_000, 3);
    let ran = job.run(|| Dying(0), |_, _| -> Result<Flow, std::convert::Infallible> { Ok(Flow::Continue) });
    assert!(matches!(ran, Err(PipelineError::WorkerLost { .. })), "{ran:?}");
}
