//! Throw-away databases with a market of A-shares in them.

use std::process::Command;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use klined::jobs::{Market, ModelChoice};
use klined::store::{self, BarStore, StoreOptions};
use klined_market::calendar::Calendar;
use klined_market::universe::Universe;
use tempfile::TempDir;

use crate::cluster::Cluster;

/// A database that is dropped with this value.
pub struct Database {
    pub url: String,
    name: Option<String>,
    _directory: Option<TempDir>,
}

fn port() -> u16 {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start).port
}

fn server() -> String {
    format!("postgresql://postgres@127.0.0.1:{}", port())
}

/// Runs psql on a database of the cluster, which must succeed.
pub fn psql(url: &str, command: &str) -> String {
    let done =
        Command::new("psql").args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", command]).output();
    let done = done.expect("psql runs");
    assert!(done.status.success(), "{command}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

impl Database {
    pub fn postgres() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bench_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        psql(&format!("{}/postgres", server()), &format!("CREATE DATABASE {name}"));
        Self { url: format!("{}/{name}", server()), name: Some(name), _directory: None }
    }

    pub fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let url = format!("sqlite:///{}", directory.path().join("market.db").display());
        Self { url, name: None, _directory: Some(directory) }
    }

    pub fn store(&self) -> Arc<dyn BarStore> {
        let options =
            StoreOptions { url: self.url.parse().expect("a URL"), pool_size: 4, timeout: Duration::from_secs(60) };
        let store = store::open(&options).expect("the database opens");
        store.migrate().expect("it is migrated");
        store
    }

    /// A new market of the full model with so many A-shares.
    pub fn market(&self, symbols: usize) -> Market {
        let universe = Universe::ashare(symbols.to_string().parse().expect("a number of stocks"));
        let calendar = Arc::new(Calendar::shanghai());
        Market::claim_filling(self.store(), calendar, ModelChoice::default(), Some(42), Some(&universe))
            .expect("the market is claimed")
    }

    /// Writes to the disk what is left of earlier work.
    pub fn settle(&self) {
        if self.name.is_some() {
            psql(&self.url, "CHECKPOINT");
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            psql(&format!("{}/postgres", server()), &format!("DROP DATABASE {name} WITH (FORCE)"));
        }
    }
}
