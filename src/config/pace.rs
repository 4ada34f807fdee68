//! The market's pace: `KLINED_SPEED`.

use clap::Args;

/// The speed of the market's time.
#[derive(Debug, Clone, Args)]
pub struct PaceArgs {
    /// In test mode, time runs N times as fast as real time: a new bar comes every 60/N seconds
    #[arg(long, env = "KLINED_SPEED", value_name = "N", default_value_t = 12.0, value_parser = speed,
          allow_negative_numbers = true)]
    pub speed: f64,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (0.01..=60_000.0).contains(&speed) => Ok(speed),
        _ => Err("it must be a number from 0.01 to 60000".to_owned()),
    }
}
