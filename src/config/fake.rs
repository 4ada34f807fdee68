//! Test symbols without a database: `ENABLE_FAKE_DATA`, `FAKE_DATA_SYMBOLS`.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use clap::Args;

use crate::jobs::ModelChoice;
use klined_market::base::Symbol;
use klined_market::model::{GbmVersion, ModelKind};
use klined_market::universe::{Universe, UniverseRow, csv};

/// The most test symbols.
const SYMBOLS_MAX: usize = 100;
/// First price and volatility of a day.
const STOCK: &str = "100,0.02";

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Test symbols")]
pub struct FakeArgs {
    /// Serve a market of test symbols, which trade every minute of every day, in place of the database. Nothing of it is kept
    #[arg(long, env = "ENABLE_FAKE_DATA")]
    pub fake_data: bool,

    /// The test symbols, separated by commas
    #[arg(
        long,
        env = "FAKE_DATA_SYMBOLS",
        value_name = "SYMBOLS",
        value_delimiter = ',',
        default_value = "FAKETICKER"
    )]
    pub fake_data_symbols: Vec<String>,
}

impl FakeArgs {
    /// Days of history of their market.
    pub const DAYS: u16 = 2;

    /// The stocks of these symbols.
    ///
    /// # Errors
    /// One of them is no symbol, or there are too many.
    pub fn stocks(&self) -> anyhow::Result<Vec<UniverseRow>> {
        let names = self.fake_data_symbols.iter().map(|name| name.trim()).filter(|name| !name.is_empty());
        let symbols = names.map(|name| name.parse::<Symbol>()).collect::<Result<BTreeSet<_>, _>>();
        let symbols = symbols.context("--fake-data-symbols cannot be used")?;
        if symbols.is_empty() || symbols.len() > SYMBOLS_MAX {
            bail!("--fake-data-symbols has {} symbols; give 1 to {SYMBOLS_MAX}", symbols.len());
        }
        let rows: String =
            symbols.iter().map(|symbol| format!("{symbol},Test symbol {symbol},Test,{STOCK}\n")).collect();
        let text = format!("symbol,name,sector,base_price,base_volatility\n{rows}");
        csv::read(text.as_bytes()).context("--fake-data-symbols cannot be used")
    }

    /// The universe of these symbols.
    ///
    /// # Errors
    /// Those of [`Self::stocks`].
    pub fn universe(&self) -> anyhow::Result<Universe> {
        Ok(Universe::of_file("the symbols of --fake-data-symbols".into(), self.stocks()?))
    }

    /// The model of their market: plain prices, and the trades of a test feed.
    #[must_use]
    pub fn choice() -> ModelChoice {
        ModelChoice { gbm: GbmVersion::Test, ..ModelChoice::from(ModelKind::Gbm) }
    }
}
