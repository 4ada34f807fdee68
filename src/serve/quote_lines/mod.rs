//! Quotes as lines of text in GBK, as Sina and Tencent give them: `/list=sh600000,sz000001` and `/q=sh600000`.
//!
//! Their clients put everything into the path and have no keys. The paths are also below `/sina` and `/tencent`, where the ones at the root
//! are answered.

mod line;
mod sina;
mod tencent;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use self::line::{QuoteLine, codes};
use super::kit::dialect::{Dialect, Routes};
use super::kit::gbk::gbk;
use super::kit::parameters::{names, refuse_others};
use super::server::Server;
use crate::access::guard::{KeyPlaces, Rules};
use crate::query::errors::Refusal;
use crate::serve::kit::answers::refusal;
use klined_market::base::Symbol;

/// The dialect's row.
pub const DIALECT: Dialect = Dialect {
    rules: Rules { owns, refused, keys: KeyPlaces::Shared(&[]) },
    headers: &[],
    parameters: &[],
    routes,
    encoders: &[],
    #[cfg(test)]
    parsers: &[|bytes| super::kit::parsers::text(bytes, |text| (codes("list", text), codes("q", text), at_root(text)))],
};

/// What paths at the root begin with, and where they are answered.
const AT_ROOT: [(&str, &str); 3] = [("/list=", "/sina"), ("/rn=", "/sina"), ("/q=", "/tencent")];

/// Whether a path is this dialect's.
fn owns(path: &str) -> bool {
    ["/sina", "/tencent"]
        .into_iter()
        .any(|root| path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Where a path at the root is answered, such as `/list=sh600000`.
pub fn at_root(path: &str) -> Option<String> {
    AT_ROOT.iter().find(|(begin, _)| path.starts_with(begin)).map(|(_, root)| format!("{root}{path}"))
}

fn routes() -> Routes {
    Routes::default()
        .get("/sina/{sina}", "", get(of_sina))
        .get("/tencent/{tencent}", "", get(of_tencent))
        .get("/sina/key/{key}/{sina}", "", get(of_sina_by_key))
        .get("/tencent/key/{key}/{tencent}", "", get(of_tencent_by_key))
}

/// An answer or a refusal.
type LinesAnswer = Result<Response, LinesError>;

/// Why a request is refused, in words.
struct LinesError(Refusal);

impl From<Refusal> for LinesError {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl IntoResponse for LinesError {
    fn into_response(self) -> Response {
        refused(&self.0)
    }
}

/// A refusal in this dialect's shape: a line of text.
fn refused(refused: &Refusal) -> Response {
    refusal(refused.status(), format!("{refused}\n").into_response(), refused)
}

fn answer(text: &str, content_type: &'static str) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))], gbk(text)).into_response()
}

/// The stocks that a path names, each under the code that the client used, with what stands of those that there are.
async fn lines(
    server: &Server,
    name: &str,
    path: &str,
    uri: &Uri,
) -> Result<Vec<(String, Option<QuoteLine>)>, Refusal> {
    refuse_others(&names(uri), &[])?;
    let codes = codes(name, path)?;
    let prices = server.reader.price_list().await?;
    let named: Vec<(String, Option<Symbol>)> =
        codes.into_iter().map(|code| (code.clone(), line::find(&prices, &code).map(|row| row.symbol))).collect();
    let symbols: BTreeSet<Symbol> = named.iter().filter_map(|(_, symbol)| *symbol).collect();
    let (now, calendar) = (server.market_time_or_wall().await?, server.reader.calendar());
    // The limits of the day that the figures are of.
    let limits = match prices.newest {
        Some(newest) => server.price_limits(symbols.clone(), calendar.date_of(newest)?).await?,
        None => return Err(Refusal::NoMarket),
    };
    let snapshots = server.snapshots(symbols.into_iter().collect()).await?;
    let found = |symbol: Symbol| {
        let snapshot = snapshots.iter().find(|snapshot| snapshot.days.symbol == symbol)?;
        let row = prices.find(&symbol)?;
        QuoteLine::of(&calendar, snapshot, &row.name, limits.get(&symbol).copied(), now)
    };
    Ok(named.into_iter().map(|(code, symbol)| (code, symbol.and_then(found))).collect())
}

async fn of_sina(State(server): State<Arc<Server>>, Path(path): Path<String>, uri: Uri) -> LinesAnswer {
    Ok(answer(&sina::text(&lines(&server, "list", &path, &uri).await?), "application/javascript; charset=GB18030"))
}

async fn of_sina_by_key(state: State<Arc<Server>>, Path((_, path)): Path<(String, String)>, uri: Uri) -> LinesAnswer {
    of_sina(state, Path(path), uri).await
}

async fn of_tencent(State(server): State<Arc<Server>>, Path(path): Path<String>, uri: Uri) -> LinesAnswer {
    Ok(answer(&tencent::text(&lines(&server, "q", &path, &uri).await?), "text/html; charset=GBK"))
}

async fn of_tencent_by_key(
    state: State<Arc<Server>>,
    Path((_, path)): Path<(String, String)>,
    uri: Uri,
) -> LinesAnswer {
    of_tencent(state, Path(path), uri).await
}
