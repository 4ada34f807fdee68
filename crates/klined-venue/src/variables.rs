//! The variables of all programs that may share a `.env` with those of this crate.

use std::collections::BTreeSet;

use clap::CommandFactory;
use klined_service::command_line::variables_of;

use crate::args::BarsArgs;

/// Those of klined, of the exchange and of `exchange-bars`; `exchange-playback` shares the server's flags with klined.
#[must_use]
pub fn variables() -> BTreeSet<String> {
    let mut names = klined::config::variables();
    names.extend(klined_exchange::programs::variables());
    names.extend(variables_of(&BarsArgs::command()));
    names.insert("EXCHANGE_PLAYBACK_INPUT".to_owned());
    names
}
