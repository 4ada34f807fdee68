//! The command line of `klined export`, which another program reads.

use std::ffi::OsString;

use clap::Args;

/// Write bars, trades, quotes, stocks or trading days as Parquet, CSV, JSON or Arrow files
///
/// The command runs the program klined-export, which `cargo build -p klined-export` builds. `klined export --help` shows its help.
#[derive(Debug, Clone, Args)]
#[command(disable_help_flag = true)]
pub struct ExportCommand {
    /// Flags of klined-export
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FLAGS")]
    pub flags: Vec<OsString>,
}
