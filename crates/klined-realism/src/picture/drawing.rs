//! The drawing of a picture, a function for each panel.

use std::sync::Arc;

use chrono::NaiveDate;
use kuva::backend::svg::SvgBackend;
use kuva::prelude::{CandlestickPlot, Figure, Layout, LegendPosition, LinePlot, Plot, ScatterPlot, TickFormat};
use kuva::render::render::Scene;
use kuva::{PngBackend, Theme};

use klined_market::base::price::TICKS_PER_UNIT;

use super::curves::{self, LAG_MAX};
use super::{DailyCandles, PictureError, PictureFormat};
use crate::series::{QUARTERS_PER_DAY, Series};
use crate::{RealismReport, Reference, profiles, reference};

/// Blue and vermilion of the palette of M. Okabe, K. Ito (2008), which the colour-blind can tell apart, and a neutral grey.
const MARKET: &str = "#0072B2";
const REFERENCE: &str = "#D55E00";
const NEUTRAL: &str = "#555555";
/// The trading days of a year.
const YEAR_DAYS: usize = 243;
/// Pixels of a panel; the picture is two of them wide.
const PANEL_WIDTH: f64 = 560.0;
const PANEL_HEIGHT: f64 = 340.0;
/// Pixels of a PNG for one of the SVG.
const PNG_SCALE: f32 = 2.0;
/// The decades that the density's axis shows at most.
const DENSITY_MIN: f64 = 1e-6;

/// A drawn picture.
pub struct Picture(Scene);

impl Picture {
    /// Draws the first run of a report from the series that it was scored on.
    #[must_use]
    pub fn draw(report: &RealismReport, series: &[Series], candles: DailyCandles<'_>) -> Self {
        let panels = [tails(series), memory(series), volatility(series), volume(series), year(candles)];
        let (plots, layouts) = panels.into_iter().unzip();
        let run = report.runs.first();
        let verdict = run.map_or_else(String::new, |run| {
            let (passed, all) = (run.scorecard.passed(), run.scorecard.metrics.len());
            format!(", seed {}: {passed} of {all} metrics in band", run.seed)
        });
        let title = format!(
            "{}, {} ({} symbols, {} trading days){verdict}",
            report.model, report.universe, report.symbols, report.days
        );
        let figure = Figure::new(3, 2)
            .with_structure(vec![vec![0], vec![1], vec![2], vec![3], vec![4, 5]])
            .with_plots(plots)
            .with_layouts(layouts)
            .with_title(title)
            .with_title_size(20)
            .with_cell_size(PANEL_WIDTH, PANEL_HEIGHT)
            .with_spacing(20.0)
            .with_padding(16.0);
        Self(figure.render())
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// The PNG cannot be encoded.
    pub fn to_bytes(&self, format: PictureFormat) -> Result<Vec<u8>, PictureError> {
        match format {
            PictureFormat::Svg => Ok(SvgBackend::new().render_scene(&self.0).into_bytes()),
            PictureFormat::Png => {
                PngBackend::new().with_scale(PNG_SCALE).render_scene(&self.0).map_err(PictureError::Png)
            }
        }
    }
}

type Panel = (Vec<Plot>, Layout);

fn line(points: Vec<(f64, f64)>, colour: &str, name: &str) -> LinePlot {
    LinePlot::new().with_data(points).with_color(colour).with_stroke_width(2.0).with_legend(name)
}

/// The measurements on real A-shares.
fn dots(points: Vec<(f64, f64)>) -> ScatterPlot {
    ScatterPlot::new().with_data(points).with_color(REFERENCE).with_size(4.5).with_legend("real A-shares")
}

fn layout(plots: &[Plot], title: &str, x: &str, y: &str) -> Layout {
    Layout::auto_from_plots(plots)
        .with_theme(Theme::minimal())
        .with_title(title)
        .with_x_label(x)
        .with_y_label(y)
        .with_title_size(16)
        .with_label_size(13)
        .with_tick_size(11)
        .with_body_size(12)
        .with_legend_position(LegendPosition::InsideTopRight)
}

fn tails(series: &[Series]) -> Panel {
    let density = curves::density(series);
    let least = density.iter().map(|(_, value)| *value).fold(1.0, f64::min).max(DENSITY_MIN);
    let normal = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
    let bell = (-150..=150).map(|i| f64::from(i) * 0.04).map(|x| (x, normal(x))).filter(|(_, y)| *y >= least);
    let bell = line(bell.collect(), REFERENCE, "normal, same deviation");
    let plots = vec![line(density, MARKET, "generated").into(), bell.into()];
    let layout = layout(&plots, "Tails: 15-minute returns", "return (standard deviations)", "density (log scale)");
    (plots, layout.with_log_y().with_x_axis_min(-15.0).with_x_axis_max(15.0))
}

fn memory(series: &[Series]) -> Panel {
    let points = curves::memory(series).into_iter().map(|(lag, value)| (lag as f64, value)).collect();
    let real = Reference::ASHARE.clustering().map(|(lag, value)| (lag as f64, value));
    let plots = vec![line(points, MARKET, "generated").into(), dots(real.to_vec()).into()];
    let title = "Memory of volatility: ACF of |r|, 15-minute returns";
    let layout = layout(&plots, title, "lag (quarter-hours, log scale; 16 = a day)", "autocorrelation");
    (plots, layout.with_log_x().with_x_axis_max(LAG_MAX as f64))
}

fn profile(generated: [f64; QUARTERS_PER_DAY], real: [f64; QUARTERS_PER_DAY], title: &str, y: &str) -> Panel {
    let points =
        |values: [f64; QUARTERS_PER_DAY]| values.into_iter().zip(0..).map(|(y, x)| (f64::from(x), y)).collect();
    let plots = vec![line(points(generated), MARKET, "generated").into(), dots(points(real)).into()];
    let layout = layout(&plots, title, "start of the quarter-hour", y)
        .with_x_tick_step(2.0)
        .with_x_tick_format(TickFormat::Custom(Arc::new(quarter_start)))
        .with_y_axis_min(0.0);
    (plots, layout)
}

/// When a quarter-hour of the day begins, by its number: "09:30" for 0.
fn quarter_start(place: f64) -> String {
    let place = place.round() as usize;
    let opening = if place < QUARTERS_PER_DAY / 2 { 9 * 60 + 30 } else { 11 * 60 };
    let minutes = opening + 15 * place;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

fn volatility(series: &[Series]) -> Panel {
    let returns: Vec<Vec<f64>> = series.iter().map(Series::quarter_returns).collect();
    let moves = profiles::moves(returns.iter().map(Vec::as_slice));
    profile(moves, reference::MOVE, "Volatility through the day", "mean |r| (day's mean = 1)")
}

fn volume(series: &[Series]) -> Panel {
    let shares = profiles::volume(series).map(|share| 100.0 * share);
    profile(shares, reference::VOLUME, "Volume through the day", "share of the day's volume (%)")
}

fn year(candles: DailyCandles<'_>) -> Panel {
    let from = candles.days.len().saturating_sub(YEAR_DAYS);
    let (dates, days) = (candles.dates[from..].to_vec(), &candles.days[from..]);
    let price = |log_ticks: f64| log_ticks.exp() / TICKS_PER_UNIT as f64;
    let mut plot = CandlestickPlot::new().with_color_up(MARKET).with_color_down(REFERENCE).with_color_doji(NEUTRAL);
    for (place, day) in days.iter().enumerate() {
        let (open, high, low, close) = (price(day.open), price(day.high), price(day.low), price(day.close));
        plot = plot.with_candle_at(place as f64, "", open, high, low, close);
    }
    let plots = vec![plot.with_wick_width(1.0).into()];
    let title = format!("{}: {} trading days (blue rises, orange falls)", candles.symbol, days.len());
    let date = move |place: f64| dates.get(place.round() as usize).map_or_else(String::new, NaiveDate::to_string);
    let layout = layout(&plots, &title, "trading day", "price")
        .with_x_tick_step(20.0)
        .with_x_tick_format(TickFormat::Custom(Arc::new(date)));
    (plots, layout)
}
