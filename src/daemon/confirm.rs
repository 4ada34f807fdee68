//! The question before something is removed or changed for good.

use std::io::IsTerminal;

use anyhow::{Context, bail};
use klined_service::output;

/// Asks a question on the terminal, and fails unless the answer is yes. `without` names the flag that answers beforehand.
///
/// # Errors
/// The answer is not yes, or there is no terminal to answer on.
pub fn confirm(question: &str, without: &str) -> anyhow::Result<()> {
    if !std::io::stdin().is_terminal() {
        bail!("{question} There is no terminal to answer on; use {without} to do it without a question");
    }
    output::ask(format_args!("{question} [y/N] "));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).context("cannot read the answer")?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        bail!("nothing was changed");
    }
    Ok(())
}
