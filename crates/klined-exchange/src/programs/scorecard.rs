//! `exchange-log scorecard`: what is known of real order books, measured on logs.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, ensure};

use super::convert::open;
use crate::scorecard::{Measure, Series, measure};

/// Measures logs, and prints a table or JSON.
///
/// # Errors
/// Names the log that cannot be read; with `strict` also the measures that are outside their bands.
pub fn scorecard(files: &[PathBuf], json: bool, strict: bool, output: &mut impl Write) -> anyhow::Result<()> {
    let mut days: BTreeMap<String, Vec<Series>> = BTreeMap::new();
    for file in files {
        let series = Series::of(&mut open(file)?).with_context(|| file.display().to_string())?;
        days.entry(file.file_stem().unwrap_or_default().display().to_string()).or_default().push(series);
    }
    let measures = measure(&days.into_values().collect::<Vec<_>>());
    if json {
        let value = |measure: &Measure| {
            serde_json::json!({
                "name": measure.name, "value": measure.value, "least": measure.least, "most": measure.most,
                "literature": measure.literature, "good": measure.is_good(),
            })
        };
        serde_json::to_writer_pretty(&mut *output, &measures.iter().map(value).collect::<Vec<_>>())?;
        writeln!(output)?;
    } else {
        writeln!(output, "| measure | value | band | | real markets |\n|:--|--:|:--|:--|:--|")?;
        for measure in &measures {
            let Measure { name, value, least, most, literature } = measure;
            let value = value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
            let mark = if measure.is_good() { "in" } else { "out" };
            writeln!(output, "| {name} | {value} | {least} to {most} | {mark} | {literature} |")?;
        }
    }
    let outside: Vec<&str> = measures.iter().filter(|measure| !measure.is_good()).map(|measure| measure.name).collect();
    ensure!(!strict || outside.is_empty(), "outside their bands: {}", outside.join("; "));
    Ok(())
}
