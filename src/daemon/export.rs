//! `klined export`: runs the program klined-export in the place of this one.
//!
//! It is a program of its own, because Arrow and Parquet take long to build.

use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};
use klined_service::sibling;

use crate::config::ExportCommand;

const PROGRAM: &str = "klined-export";

/// Runs the command. It returns only where the program cannot be run.
///
/// # Errors
/// The program cannot be run.
pub fn run(args: &ExportCommand) -> anyhow::Result<ExitCode> {
    let error = Command::new(sibling(PROGRAM)).args(&args.flags).exec();
    if error.kind() == ErrorKind::NotFound {
        bail!(
            "`klined export` needs the program {PROGRAM}, which is neither beside this program nor in a directory of PATH; build it \
             with `cargo build --release -p {PROGRAM}`"
        );
    }
    Err(error).context("cannot run klined-export")
}
