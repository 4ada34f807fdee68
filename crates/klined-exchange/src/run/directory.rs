//! A run's directory: who may write it, and its manifest.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::spec::RunSpec;
use super::{Manifest, RunError, SessionEntry, Sessions};

pub(super) const MANIFEST: &str = "manifest.json";
/// Held locked while a producer writes the directory.
const LOCK: &str = ".producer.lock";

/// A run's directory that this process alone writes.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    run: RunSpec,
    state: Mutex<State>,
    made: Arc<AtomicU64>,
    _lock: File,
}

#[derive(Debug)]
struct State {
    manifest: Manifest,
    sessions: usize,
    changes: usize,
}

impl Directory {
    /// Opens the directory of a run, or makes it with a manifest that has no session yet.
    ///
    /// # Errors
    /// [`RunError`] where another producer writes it, or it holds another run; then nothing in it is changed.
    pub fn open(path: &Path, run: &RunSpec) -> Result<Self, RunError> {
        fs::create_dir_all(path).map_err(RunError::io(path))?;
        let lock_path = path.join(LOCK);
        let options = OpenOptions::new().create(true).truncate(false).write(true).open(&lock_path);
        let lock = options.map_err(RunError::io(&lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(RunError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(RunError::Io { path: lock_path, source }),
        }
        let manifest = find_manifest(path, run)?.unwrap_or_else(|| Manifest::of(run));
        let sessions = manifest.entries().iter().map(|entry| entry.sessions.len()).sum();
        let state = Mutex::new(State { manifest, sessions, changes: 0 });
        let made = Arc::default();
        let directory = Self { path: path.to_owned(), run: run.clone(), state, made, _lock: lock };
        directory.write_manifest()?;
        for nth in 0..run.securities.len() {
            let folder = path.join(run.symbol(nth));
            fs::create_dir_all(&folder).map_err(RunError::io(&folder))?;
        }
        Ok(directory)
    }

    /// The run whose directory it is.
    #[must_use]
    pub const fn run(&self) -> &RunSpec {
        &self.run
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at the directory of a run and changes nothing: how many sessions its manifest lists, or none where there is no run yet.
    ///
    /// # Errors
    /// [`RunError`] where it holds another run.
    pub fn look(path: &Path, run: &RunSpec) -> Result<Option<usize>, RunError> {
        let found = if path.is_dir() { find_manifest(path, run)? } else { None };
        Ok(found.map(|manifest| manifest.entries().iter().map(|entry| entry.sessions.len()).sum()))
    }

    /// Events in the logs, as far as this process has opened them: all of them once the run has started.
    #[must_use]
    pub fn made_count(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Where events that come into the logs are counted.
    pub(crate) fn made(&self) -> Arc<AtomicU64> {
        self.made.clone()
    }

    /// Puts a session into the manifest. The file is written anew after a change in each 64 of the sessions, so that a long run does not spend its
    /// time on that; a next start finds its place by the logs, not by the manifest.
    pub(crate) fn record(&self, nth: usize, day: u32, partial: bool) -> Result<(), RunError> {
        let date = self.run.date(day)?;
        let entry = SessionEntry { date, seed: self.run.seed(nth, day), file: self.run.file(nth, date), partial };
        let due = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(security) = state.manifest.entry_mut(nth) else { return Ok(()) };
            match security.sessions.get_mut(day as usize) {
                Some(known) if *known == entry => return Ok(()),
                Some(known) => *known = entry,
                None => {
                    security.sessions.push(entry);
                    state.sessions += 1;
                }
            }
            state.changes += 1;
            state.changes > state.sessions / 64
        };
        if due { self.write_manifest() } else { Ok(()) }
    }

    /// Writes the manifest: first beside it, then in its place, so that it is always whole.
    ///
    /// # Errors
    /// [`RunError::Io`]; the old manifest is still there.
    pub fn write_manifest(&self) -> Result<(), RunError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let path = self.path.join(MANIFEST);
        let beside = self.path.join(".manifest.json.new");
        let bad = |source| RunError::Manifest { path: path.clone(), source };
        let text = serde_json::to_string_pretty(&state.manifest).map_err(bad)? + "\n";
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            state.changes = 0;
            return Ok(());
        }
        fs::write(&beside, text).map_err(RunError::io(&beside))?;
        fs::rename(&beside, &path).map_err(RunError::io(&path))?;
        state.changes = 0;
        Ok(())
    }
}

impl Sessions for Directory {
    fn log_path(&self, nth: usize, day: u32) -> Result<PathBuf, RunError> {
        Ok(self.path.join(self.run.file(nth, self.run.date(day)?)))
    }

    fn is_whole(&self, nth: usize, day: u32) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).manifest.is_whole(nth, day)
    }
}

/// The manifest of a directory that holds this run, or nothing where it holds none.
fn find_manifest(path: &Path, run: &RunSpec) -> Result<Option<Manifest>, RunError> {
    let manifest_path = path.join(MANIFEST);
    match fs::read_to_string(&manifest_path) {
        Ok(text) => {
            let bad = |source| RunError::Manifest { path: manifest_path, source };
            let found: Manifest = serde_json::from_str(&text).map_err(bad)?;
            match found.difference(&Manifest::of(run)) {
                Some((name, found, expected)) => {
                    Err(RunError::OtherRun { path: path.to_owned(), name, found, expected })
                }
                None => Ok(Some(found)),
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            if has_logs(path, run)? {
                Err(RunError::NoManifest { path: path.to_owned() })
            } else {
                Ok(None)
            }
        }
        Err(source) => Err(RunError::Io { path: manifest_path, source }),
    }
}

/// Whether there are logs where this run would put its own.
fn has_logs(path: &Path, run: &RunSpec) -> Result<bool, RunError> {
    let folders = (0..run.securities.len()).map(|nth| path.join(run.symbol(nth))).filter(|folder| folder.is_dir());
    for folder in folders.chain([path.to_owned()]) {
        for entry in fs::read_dir(&folder).map_err(RunError::io(&folder))? {
            let entry = entry.map_err(RunError::io(&folder))?;
            if entry.path().extension().is_some_and(|extension| extension == "qrsdp") {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
