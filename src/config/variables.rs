//! The variables of all programs. They read the same `.env`, so each has to know those of the others.

use std::collections::BTreeSet;

use clap::CommandFactory;
use klined_service::command_line::variables_of;

use super::{AggregatorArgs, ApiArgs, BackfillArgs, GeneratorArgs, KlinedArgs};

/// The names of the variables that any of the five programs reads.
#[must_use]
pub fn variables() -> BTreeSet<String> {
    let commands = [
        GeneratorArgs::command(),
        AggregatorArgs::command(),
        BackfillArgs::command(),
        KlinedArgs::command(),
        ApiArgs::command(),
    ];
    commands.iter().flat_map(variables_of).collect()
}
