//! The keys of the market's server: where they are kept, and who may do without one.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use data_encoding::HEXLOWER;
use klined_service::text;
use tracing::warn;

use crate::access::key_file;
use crate::access::keys::{self, Keys};
use crate::config::{KEYS_FILE, KeysFrom, ServerArgs};

/// Where `market-api` listens.
///
/// # Errors
/// It is to listen nowhere.
pub fn address(args: &ServerArgs) -> anyhow::Result<SocketAddr> {
    let (Some(address), _) = args.address() else {
        bail!("--addr none gives market-api nothing to serve; give a port or an address")
    };
    Ok(address)
}

/// The keys that `market-api` asks for at an address; none where requests need no key.
///
/// # Errors
/// The file cannot be used, or there is none and other machines can reach the address.
pub fn required(args: &ServerArgs, address: SocketAddr) -> anyhow::Result<Option<Keys>> {
    let keys = match args.keys() {
        KeysFrom::File(path) => Some(read(path)?),
        KeysFrom::Unsaid | KeysFrom::Nobody => None,
    };
    let keys = with_chosen(args, keys)?;
    refuse_strangers(address, keys.is_some())?;
    Ok(keys)
}

/// Adds the key that the command line chooses.
fn with_chosen(args: &ServerArgs, keys: Option<Keys>) -> anyhow::Result<Option<Keys>> {
    match (&args.api_key, args.keys()) {
        (None, _) => Ok(keys),
        (Some(_), KeysFrom::Nobody) => {
            bail!("--api-key asks for a key and --api-keys none for none; leave one of them out")
        }
        (Some(key), _) => Ok(Some(keys.unwrap_or_default().with_chosen(key))),
    }
}

/// The same for a server beside the jobs of a market: when nobody has said which keys there are and other machines can reach the
/// address, it uses those in [`KEYS_FILE`], or makes one and keeps its hash there.
///
/// # Errors
/// The file cannot be used, or there is none and other machines can reach the address.
pub fn required_or_first(args: &ServerArgs, address: SocketAddr) -> anyhow::Result<(Option<Keys>, Option<NewKey>)> {
    let (keys, new_key) = match args.keys() {
        KeysFrom::Nobody => (None, None),
        KeysFrom::File(path) => (Some(read(path)?), None),
        KeysFrom::Unsaid if args.api_key.is_some() || address.ip().is_loopback() => (None, None),
        KeysFrom::Unsaid if Path::new(KEYS_FILE).exists() => (Some(read(Path::new(KEYS_FILE))?), None),
        KeysFrom::Unsaid => {
            let (keys, new_key) = first_key()?;
            (Some(keys), Some(new_key))
        }
    };
    let keys = with_chosen(args, keys)?;
    refuse_strangers(address, keys.is_some())?;
    Ok((keys, new_key))
}

/// The file that keys are read from again; `default` where nobody has said which.
pub fn file(args: &ServerArgs, default: Option<&str>) -> Option<PathBuf> {
    match args.keys() {
        KeysFrom::File(path) => Some(path.to_owned()),
        KeysFrom::Unsaid => default.map(PathBuf::from),
        KeysFrom::Nobody => None,
    }
}

/// Reads a file of keys.
///
/// # Errors
/// It cannot be read, is not valid, or has no key.
pub fn read(path: &Path) -> anyhow::Result<Keys> {
    let context = || format!("cannot use the keys in {}", path.display());
    let keys = Keys::parse(&text::read(path).with_context(context)?).with_context(context)?;
    if keys.is_empty() {
        bail!("there are no keys in {}; `klined key NAME >> FILE` makes one", path.display());
    }
    Ok(keys)
}

/// Gives the key of an id or a name in a file another secret. Returns the new key.
///
/// # Errors
/// The file cannot be used or written, or there is no such key or more than one. The file is then as it was.
pub fn replace(path: &Path, wanted: &str) -> anyhow::Result<String> {
    let context = || format!("cannot replace a key in {}", path.display());
    // A link stays one.
    let path = &path.canonicalize().with_context(context)?;
    let secret = NewKey::draw()?.secret;
    let (replaced, id) = key_file::with_secret(&text::read(path).with_context(context)?, wanted, &secret)?;
    // Readers see the old file or the new one, with the same owner and rights.
    let rights = path.metadata().with_context(context)?;
    let (owner, group) = (Some(rights.uid()), Some(rights.gid()));
    let new = path.with_extension(format!("new-{}", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        file.write_all(replaced.as_bytes())?;
        fchown(&file, owner, group)?;
        file.set_permissions(rights.permissions())?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&new))).with_context(context)?;
    Ok(format!("{id}.{secret}"))
}

/// An address that other machines can reach is not served without keys.
fn refuse_strangers(address: SocketAddr, has_keys: bool) -> anyhow::Result<()> {
    if has_keys || address.ip().is_loopback() {
        return Ok(());
    }
    bail!(
        "other machines can reach {address}: give --api-keys FILE with keys that `klined key NAME` makes, or --api-key KEY"
    )
}

/// Admits the chart page until the end of this process.
///
/// # Errors
/// The system gives no random numbers.
pub fn admit_page(keys: Keys) -> anyhow::Result<Keys> {
    Ok(keys.with_page(&NewKey::draw()?.secret))
}

/// A key that nobody has yet.
pub struct NewKey {
    id: String,
    secret: String,
}

impl NewKey {
    /// Draws 128 random bits for its name and 256 for its secret.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn draw() -> anyhow::Result<Self> {
        let (mut id, mut secret) = ([0; 16], [0; 32]);
        let drawn = getrandom::fill(&mut id).and_then(|()| getrandom::fill(&mut secret));
        drawn.context("the system gives no random numbers for a key")?;
        Ok(Self { id: HEXLOWER.encode(&id), secret: HEXLOWER.encode(&secret) })
    }

    /// The key as a client gives it.
    pub fn text(&self) -> String {
        format!("{}.{}", self.id, self.secret)
    }

    /// The key's entry in a file of keys.
    pub fn entry(&self, name: &str) -> String {
        keys::entry(name, &self.id, &self.secret)
    }
}

/// The key of a new market, and its file.
fn first_key() -> anyhow::Result<(Keys, NewKey)> {
    let key = NewKey::draw()?;
    let entry = key.entry("development");
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(KEYS_FILE);
    if let Err(error) = written.and_then(|mut file| file.write_all(entry.as_bytes())) {
        warn!("cannot write {KEYS_FILE}, so the key is valid only until this process ends: {error}");
    }
    Ok((Keys::parse(&entry)?, key))
}
