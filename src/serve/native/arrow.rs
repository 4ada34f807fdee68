//! Bars in Arrow's stream format: the columns of `klined export bars`.
//!
//! The libraries of Arrow come with the cargo feature `arrow`. A program without it refuses the format.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;

use crate::query::errors::Refusal;
use crate::query::{BarPage, Label};
use crate::serve::kit::answers::NEXT_PAGE;
use klined_market::base::{Symbol, Timeframe};
use klined_market::calendar::Calendar;

const KIND: &str = "application/vnd.apache.arrow.stream";

/// Bars in Arrow's stream format
#[derive(ToSchema)]
#[schema(value_type = String, format = Binary)]
#[allow(dead_code, reason = "only described")]
pub struct ArrowBody(Vec<u8>);

/// Refuses the format where the program does not have it.
///
/// # Errors
/// The program was built without the cargo feature `arrow`.
pub fn require() -> Result<(), Refusal> {
    if cfg!(feature = "arrow") {
        return Ok(());
    }
    let words = "format=arrow needs a server that was built with the cargo feature \"arrow\", and this one was not; ask for json or csv";
    Err(Refusal::Invalid(words.to_owned()))
}

/// A page as an answer.
///
/// # Errors
/// As [`require`].
pub fn arrow(
    page: &BarPage,
    symbol: &Symbol,
    timeframe: Timeframe,
    label: Label,
    calendar: &Calendar,
) -> Result<Response, Refusal> {
    let body = encoded(page, symbol, timeframe, label, calendar)?;
    let mut response = ([(header::CONTENT_TYPE, HeaderValue::from_static(KIND))], body).into_response();
    if let Some(next) = page.next {
        response.headers_mut().insert(NEXT_PAGE, HeaderValue::from(next.get()));
    }
    Ok(response)
}

#[cfg(feature = "arrow")]
fn encoded(
    page: &BarPage,
    symbol: &Symbol,
    timeframe: Timeframe,
    label: Label,
    calendar: &Calendar,
) -> Result<Vec<u8>, Refusal> {
    use crate::query::ShownBar;
    use klined_market::base::Traded;

    let column = |of: fn(&ShownBar) -> f64| page.bars.iter().map(of).collect();
    let values = klined_data::columns::BarValues {
        times: page.bars.iter().map(|bar| bar.time(timeframe, label, calendar)).collect(),
        prices: [column(|bar| bar.open), column(|bar| bar.high), column(|bar| bar.low), column(|bar| bar.close)],
        volumes: page.bars.iter().map(|bar| bar.volume).collect(),
        turnovers: page.bars.iter().map(|bar| bar.traded.map(Traded::turnover_units)).collect(),
        trades: page.bars.iter().map(|bar| bar.traded.map(Traded::trades)).collect(),
    };
    let stream = values.into_batch(symbol, &timeframe.to_string(), calendar).and_then(|batch| {
        let mut writer = arrow_ipc::writer::StreamWriter::try_new(Vec::new(), &batch.schema())?;
        writer.write(&batch)?;
        writer.into_inner()
    });
    stream.map_err(|_| Refusal::Internal(0))
}

#[cfg(not(feature = "arrow"))]
fn encoded(_: &BarPage, _: &Symbol, _: Timeframe, _: Label, _: &Calendar) -> Result<Vec<u8>, Refusal> {
    require().map(|()| Vec::new())
}
