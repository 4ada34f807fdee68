//! Marks: the events of scenarios that hit a symbol, as far as the market has come.

use std::sync::Arc;

use axum::extract::State;
use serde_json::{Value, json};

use super::answers::{UdfAnswer, UdfError, UdfQuery, answer};
use super::resolutions;
use super::symbols::find;
use crate::serve::server::Server;
use klined_market::base::UnixSeconds;
use klined_market::model::{Effect, Regime, ScenarioEvent, Scope};

/// The most marks of an answer.
const MARKS_MOST: usize = 1000;

/// A mark before it is written as one kind of marks or the other.
struct Mark {
    id: String,
    time: UnixSeconds,
    color: &'static str,
    label: &'static str,
    text: String,
}

/// A colour by its name in English, and a letter.
fn looks(effect: &Effect) -> (&'static str, &'static str) {
    match *effect {
        Effect::Halt => ("yellow", "H"),
        Effect::Volatility { .. } => ("blue", "V"),
        Effect::Move { percent } | Effect::Gap { percent } => {
            let letter = if matches!(effect, Effect::Gap { .. }) { "G" } else { "M" };
            (if percent < 0.0 { "red" } else { "green" }, letter)
        }
        Effect::Regime(Regime::Bull) => ("green", "R"),
        Effect::Regime(Regime::Bear) => ("red", "R"),
        Effect::Regime(_) => ("blue", "R"),
    }
}

async fn found(server: &Server, parameters: &UdfQuery) -> Result<Vec<Mark>, UdfError> {
    let prices = server.reader.price_list().await?;
    let row = find(&prices, parameters.required("symbol")?)?;
    // A mark stands at an instant, whatever bars are shown.
    if let Some(resolution) = parameters.get("resolution") {
        resolutions::parse(resolution)?;
    }
    let from = parameters.seconds("from")?.unwrap_or(UnixSeconds::MIN);
    let to = parameters.seconds("to")?.unwrap_or(UnixSeconds::MAX);
    // What is yet to come is not shown.
    let newest = prices.newest.unwrap_or(UnixSeconds::MIN);
    let (symbol, sector) = (row.symbol, row.sector.clone());
    let scenarios = server.reader.ask(|store, _| Ok(store.scenarios()?)).await?;
    let is_hit = move |event: &ScenarioEvent| match &event.scope {
        Scope::Market => true,
        Scope::Sector(name) => *name == sector,
        Scope::Symbol(name) => *name == symbol,
    };
    let marks = scenarios.iter().flat_map(|scenario| {
        scenario.events.iter().enumerate().map(move |(place, event)| {
            let (color, label) = looks(&event.effect);
            let text = format!("{}: {} of the {}", scenario.name, event.effect, event.scope);
            (event, Mark { id: format!("{}/{place}", scenario.name), time: event.from, color, label, text })
        })
    });
    let is_asked = |(event, _): &(&ScenarioEvent, Mark)| {
        is_hit(event) && (from..=to).contains(&event.from) && event.from <= newest
    };
    Ok(marks.filter(is_asked).map(|(_, mark)| mark).take(MARKS_MOST).collect())
}

/// Marks on bars, as columns.
pub async fn marks(State(server): State<Arc<Server>>, parameters: UdfQuery) -> UdfAnswer {
    let marks = found(&server, &parameters).await?;
    let column = |value: &dyn Fn(&Mark) -> Value| marks.iter().map(value).collect::<Value>();
    answer(&json!({
        "id": column(&|mark| json!(mark.id)),
        "time": column(&|mark| json!(mark.time)),
        "color": column(&|mark| json!(mark.color)),
        "text": column(&|mark| json!(mark.text)),
        "label": column(&|mark| json!(mark.label)),
        "labelFontColor": column(&|_| json!("white")),
        "minSize": column(&|_| json!(14)),
    }))
}

/// Marks on the axis of time.
pub async fn timescale_marks(State(server): State<Arc<Server>>, parameters: UdfQuery) -> UdfAnswer {
    let marks = found(&server, &parameters).await?;
    let body = |mark: &Mark| json!({"id": mark.id, "time": mark.time, "color": mark.color, "label": mark.label, "tooltip": [mark.text]});
    answer(&marks.iter().map(body).collect::<Value>())
}
