//! The command line of the keys in a file.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The file in the working directory that keeps the key of a market for which no keys were given.
pub const KEYS_FILE: &str = "api-keys.toml";

/// What is done to the keys in a file.
#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// Print name, id and limits of each key; the secrets are not in the file
    List(KeyFileArgs),
    /// Give a key another secret, and print the new key once; its name, id and limits stay
    ///
    /// A server takes it on SIGHUP, and refuses the old one from then on.
    Replace(ReplaceKeyArgs),
}

/// The file of keys.
#[derive(Debug, Clone, Args)]
pub struct KeyFileArgs {
    /// TOML file of keys, which `klined key NAME` makes
    #[arg(long, env = "KLINED_API_KEYS", value_name = "FILE", default_value = KEYS_FILE)]
    pub api_keys: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub struct ReplaceKeyArgs {
    /// Id of the key, or its name where no other key has that name
    pub key: String,

    #[command(flatten)]
    pub file: KeyFileArgs,
}
