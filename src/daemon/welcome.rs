//! What `klined up` shows: where the chart is, and on a terminal one line with the state of the market.

use std::sync::Arc;
use std::time::Duration;

use klined_service::progress::{StatusLine, with_separators};
use klined_service::{blocking, say};

use super::api::EmbeddedServer;
use super::clock::SystemClock;
use crate::config::{KEYS_FILE, UpArgs};
use crate::jobs::Market;
use crate::serve::Server;
use crate::store::{BarStore, PriceRow, StoreError};
use klined_market::base::{Clock, Pace, UnixSeconds};
use klined_market::calendar::{Calendar, Hours, Session};

/// How often the status line is drawn.
const DRAW_EVERY: Duration = Duration::from_secs(1);

/// The first lines of a market that runs: where the chart and the data are.
pub struct Introduction(Vec<String>);

impl Introduction {
    /// The lines of a market and its server.
    pub fn of(args: &UpArgs, market: &Market, server: Option<&EmbeddedServer>) -> Self {
        let mut lines = Vec::new();
        if let Some(server) = server {
            lines.push(format!("Chart  http://{}", server.address));
            if let Some(key) = &server.new_key {
                lines.push(format!("The key, which is shown only now: {} (its hash is in {KEYS_FILE})", key.text()));
            }
        }
        let (url, seed) = (&args.database.db_url, market.source.seed().0);
        let hours = market.calendar.hours();
        if args.fake.fake_data {
            lines.push(format!("Data   test symbols, calendar {hours}; {}", pace(args, &market.calendar)));
            lines.push("Ctrl-C stops the market; nothing of it is kept.".to_owned());
            return Self(lines);
        }
        lines.push(format!("Data   {url}, seed {seed}, calendar {hours}; {}", pace(args, &market.calendar)));
        lines.push("Ctrl-C stops the market; the next start continues where it stopped.".to_owned());
        Self(lines)
    }

    /// Prints the lines.
    pub fn print(&self) {
        self.0.iter().for_each(|line| say!("{line}"));
    }
}

/// How time runs in the market.
fn pace(args: &UpArgs, calendar: &Calendar) -> String {
    if !args.is_live() {
        return format!("test mode, a new minute every {}", every(60.0 / args.pace.speed));
    }
    match calendar.session_at(SystemClock.now()) {
        Ok(span) if span.session == Session::Closed => {
            format!(
                "live; the exchange is closed until {} ({} time)",
                calendar.local_time(span.start),
                calendar.hours().city()
            )
        }
        _ if calendar.hours().has_weekends() => "live, a new minute every minute".to_owned(),
        _ => "live, a new minute every minute of the session".to_owned(),
    }
}

/// A time in seconds without digits that nobody needs: `5 s`, `0.1 s`, `10 ms`.
fn every(seconds: f64) -> String {
    let rounded = |value: f64, digits: usize| {
        let text = format!("{value:.digits$}");
        if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
    };
    if seconds < 0.1 { format!("{} ms", rounded(seconds * 1000.0, 1)) } else { format!("{} s", rounded(seconds, 1)) }
}

/// Shows the state of a market on a terminal for as long as it is awaited. Elsewhere it only waits.
pub async fn show_state(market: Market, server: Option<Arc<Server>>) {
    let (line, hours) = (StatusLine::begin(), market.calendar.hours());
    if !line.is_shown() {
        return std::future::pending().await;
    }
    loop {
        let store = market.store.clone();
        let requests = server.as_ref().map(|server| server.requests());
        // A database that does not answer is the log's matter; the line then stays as it is.
        if let Ok(Ok(Some(state))) = blocking(move || state(&*store)).await {
            line.set(text(&state, hours, requests));
        }
        tokio::time::sleep(DRAW_EVERY).await;
    }
}

/// What the status line shows of a market.
struct MarketState {
    /// The market's present time.
    now: UnixSeconds,
    session: Session,
    pace: Pace,
    /// The stock that has risen most since the close of the day before, and the one that has fallen most, with the change in
    /// per cent.
    movers: Vec<(String, f64)>,
}

/// The state of a market; none before the generator's first minute.
fn state(store: &dyn BarStore) -> Result<Option<MarketState>, StoreError> {
    let Some((status, clock)) = store.status()?.zip(store.clock()?) else { return Ok(None) };
    Ok(Some(MarketState {
        now: clock.now(SystemClock.now_nanos()).seconds(),
        session: status.span.session,
        pace: clock.pace,
        movers: movers(&store.prices()?),
    }))
}

fn movers(prices: &[PriceRow]) -> Vec<(String, f64)> {
    let changes = prices.iter().filter(|row| row.is_active);
    let changes: Vec<_> = changes.filter_map(|row| Some((row.symbol, row.change_percent?))).collect();
    let best = changes.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let worst = changes.iter().min_by(|a, b| a.1.total_cmp(&b.1)).filter(|worst| Some(*worst) != best);
    best.into_iter().chain(worst).map(|(symbol, change)| (symbol.to_string(), *change)).collect()
}

/// The most important comes first, because a narrow terminal cuts the rest.
fn text(state: &MarketState, hours: Hours, requests: Option<u64>) -> String {
    let speed = match state.pace {
        Pace::Test { speed } => format!(" ×{speed}"),
        Pace::Live => String::new(),
    };
    let session = match state.session {
        Session::Closed => "closed",
        Session::Morning => "morning session",
        Session::Afternoon => "afternoon session",
        Session::Regular => "open",
    };
    let mut text = format!("{}  {session}{speed}", hours.local_time(state.now));
    for (symbol, change) in &state.movers {
        text.push_str(&format!("  {symbol} {change:+.1} %"));
    }
    if let Some(requests) = requests {
        text.push_str(&format!("  {} requests", with_separators(requests)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_between_minutes_is_rounded() {
        for (speed, said) in [(12.0, "5 s"), (600.0, "0.1 s"), (7.0, "8.6 s"), (6_000.0, "10 ms"), (0.01, "6000 s")] {
            assert_eq!(every(60.0 / speed), said, "{speed}");
        }
        assert_eq!(every(60.0 / 60_000.0), "1 ms");
    }

    #[test]
    fn the_status_line_has_clock_session_movers_and_requests() {
        let movers = vec![("NVDA".to_owned(), 3.06), ("TSLA".to_owned(), -2.0)];
        let mut state = MarketState {
            now: UnixSeconds::new(1_767_576_600),
            session: Session::Morning,
            pace: Pace::Test { speed: 12.0 },
            movers,
        };
        let shown = text(&state, Hours::Sse, Some(1_234));
        assert_eq!(shown, "2026-01-05 09:30:00  morning session ×12  NVDA +3.1 %  TSLA -2.0 %  1,234 requests");
        state = MarketState { session: Session::Closed, pace: Pace::Live, movers: Vec::new(), ..state };
        assert_eq!(text(&state, Hours::Sse, None), "2026-01-05 09:30:00  closed");
    }
}
