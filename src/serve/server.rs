//! What all routes share: the market, its feed, the guard, and the questions that several dialects ask of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;
use tokio_util::sync::CancellationToken;

use super::kit::host::{Feed, Host};
use super::kit::metrics::SocketMetrics;
use super::metrics::ServerMetrics;
use crate::access::guard::{AddressLimits, RequestGuard};
use crate::access::keys::Keys;
use crate::access::visitors::Visitors;
use crate::feed::{FeedUpdate, Hub, Missed, Subscription};
use crate::jobs::Market;
use crate::query::errors::Refusal;
use crate::query::{
    Age, BarPage, LatestTicks, Present, Reader, SecondQuery, StockSnapshot, Tick, TickPage, TickQuery, Ticks,
};
use crate::relay::Relay;
use klined_market::base::{Clock, PriceLimits, Symbol, UnixNanos};
use klined_market::calendar::{Calendar, Hours};
use klined_service::net::accept::Bounds;

/// How often the market's symbols are read for the relay.
const SYNTHETIC_EVERY: Duration = Duration::from_secs(1);

/// Who gets the chart page with a key in it; elsewhere the page asks its reader for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageKey {
    /// Nobody.
    Withheld,
    /// A browser on this machine that asks without a proxy.
    ThisMachine,
    /// Everybody who can reach the server.
    Everybody,
}

/// The configuration of a server.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    pub bounds: Bounds,
    /// How long an answer may take.
    pub deadline: Duration,
    /// What one address may take, with all its keys together.
    pub of_address: AddressLimits,
    /// Whose requests it answers.
    pub visitors: Visitors,
    /// Where clients reach this server, such as `https://market.example.org`; none for the host that a request names.
    pub external_url: Option<String>,
    /// What stocks on no board of an exchange are paid in, in Binance's dialect.
    pub quote_asset: Arc<str>,
    /// Whether the chart page has a key.
    pub page_key: PageKey,
    /// The vendors that requests about other symbols than the market's are passed on to.
    pub relay: Option<Arc<Relay>>,
    /// Whether the market is one of test symbols, whose trades have the exchange and the conditions that Polygon's test feed has.
    pub is_fake: bool,
}

impl ServerOptions {
    /// Whether Polygon's stream is at `/` too: clients of a proxy before that vendor look for it there.
    #[must_use]
    pub fn has_stream_at_root(&self) -> bool {
        self.relay.is_some() || self.is_fake
    }
}

/// A server of one market.
pub struct Server {
    pub(super) reader: Arc<Reader>,
    pub(super) ticks: Arc<Ticks>,
    pub(super) hub: Hub,
    /// Cancelled when WebSockets have to close.
    pub(super) draining: CancellationToken,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) guard: Arc<RequestGuard>,
    pub(super) metrics: ServerMetrics,
    pub(super) options: ServerOptions,
}

impl Host for Server {
    type Feed = Subscription;

    fn guard(&self) -> &RequestGuard {
        &self.guard
    }

    fn socket_metrics(&self) -> &SocketMetrics {
        &self.metrics.sockets
    }

    fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    fn subscribe(&self) -> Subscription {
        self.hub.subscribe()
    }

    fn external_url(&self) -> Option<&str> {
        self.options.external_url.as_deref()
    }
}

impl Feed for Subscription {
    type Update = FeedUpdate;

    async fn next(&mut self) -> Result<Arc<FeedUpdate>, Missed> {
        Self::next(self).await
    }

    async fn wait_for_client<T: Send>(&self, work: impl Future<Output = T> + Send) -> T {
        Self::wait_for_client(self, work).await
    }
}

impl Server {
    /// A server of a market behind a guard.
    ///
    /// # Errors
    /// No thread can be had for the feed.
    pub(super) fn behind(
        guard: RequestGuard,
        market: Market,
        clock: Arc<dyn Clock>,
        options: ServerOptions,
    ) -> io::Result<Arc<Self>> {
        let ticks = Arc::new(Ticks::new(market.clone(), clock.clone()));
        let (store, calendar) = (market.store.clone(), market.calendar.clone());
        let hub = Hub::begin(market, clock.clone())?;
        let reader = Arc::new(Reader::new(store, calendar, options.deadline, hub.generation()));
        let metrics = ServerMetrics::new(&guard.metrics, options.relay.as_deref());
        let (guard, draining) = (Arc::new(guard), CancellationToken::new());
        Ok(Arc::new(Self { reader, ticks, hub, draining, clock, guard, metrics, options }))
    }

    /// Takes other keys from now on, but the chart page's own stays. Connections that are open stay open. A server that was begun
    /// without keys still asks for none.
    pub fn change_keys(&self, new: Keys) {
        self.guard.change_keys(new);
    }

    /// The hours of the market.
    #[must_use]
    pub fn hours(&self) -> Hours {
        self.reader.calendar().hours()
    }

    /// Goes by another calendar from now on; days that may have bars must be the same in it.
    pub fn change_calendar(&self, calendar: Arc<Calendar>) {
        let market = self.ticks.market().under(calendar.clone());
        self.reader.change_calendar(calendar);
        self.ticks.change_market(market.clone());
        self.hub.change_market(market);
    }

    /// Whether the live feed follows the market.
    #[must_use]
    pub fn is_feed_alive(&self) -> bool {
        self.hub.is_following()
    }

    /// Number of requests that were answered so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.guard.metrics.answers()
    }

    /// The symbols of the market, which no vendor is asked for, as [`Self::keep_synthetic`] has read them last.
    ///
    /// # Errors
    /// They have not been read yet, and cannot be.
    pub(super) async fn synthetic(&self, relay: &Relay) -> Result<Arc<BTreeSet<Symbol>>, Refusal> {
        let known = relay.synthetic();
        if known.is_empty() { self.read_synthetic(relay).await } else { Ok(known) }
    }

    /// The symbols of the market, whether they have a bar yet or not.
    async fn read_synthetic(&self, relay: &Relay) -> Result<Arc<BTreeSet<Symbol>>, Refusal> {
        let universe = self.reader.ask(|store, _| Ok(store.universe()?)).await?;
        let prices = self.reader.price_list().await?;
        let of_universe = universe.iter().filter_map(|row| row.symbol.parse().ok());
        let symbols = Arc::new(of_universe.chain(prices.rows.iter().map(|row| row.symbol)).collect());
        relay.set_synthetic(Arc::clone(&symbols));
        Ok(symbols)
    }

    /// Has the relay know the market's symbols until the server stops.
    pub(super) async fn keep_synthetic(&self, relay: &Relay) {
        let reading = async {
            loop {
                // The log has why it failed, and the symbols known before stay.
                let _ = self.read_synthetic(relay).await;
                tokio::time::sleep(SYNTHETIC_EVERY).await;
            }
        };
        self.draining.run_until_cancelled(reading).await;
    }

    /// The market's present instant; none before the generator's first minute.
    pub(super) async fn market_time(&self) -> Result<Option<UnixNanos>, Refusal> {
        Ok(self.reader.standing().await?.clock.map(|clock| clock.now(self.clock.now_nanos())))
    }

    /// The market's present instant, and the wall clock's before the generator's first minute.
    pub(super) async fn market_time_or_wall(&self) -> Result<UnixNanos, Refusal> {
        Ok(self.market_time().await?.unwrap_or_else(|| self.clock.now_nanos()))
    }

    /// The day of the market's present instant, and that of the newest bar before the generator's first minute; none before both.
    pub(super) async fn market_day(&self) -> Result<Option<NaiveDate>, Refusal> {
        let now = match self.market_time().await? {
            Some(now) => Some(now.seconds()),
            None => self.reader.price_list().await?.newest,
        };
        Ok(now.map(|now| self.reader.calendar().date_of(now)).transpose()?)
    }

    /// A page of trades or quotes.
    pub(super) async fn tick_page<T: Tick>(&self, query: TickQuery) -> Result<TickPage<T>, Refusal> {
        let ticks = self.ticks.clone();
        self.reader.ask(move |_, _| ticks.page::<T>(&query)).await
    }

    /// A page of bars of seconds.
    pub(super) async fn second_bars(&self, query: SecondQuery) -> Result<BarPage, Refusal> {
        let ticks = self.ticks.clone();
        self.reader.ask(move |_, _| ticks.second_bars(&query)).await
    }

    /// The last trade and quote of a symbol.
    ///
    /// # Errors
    /// There is no such symbol, or those of [`Reader::ask`].
    pub(super) async fn latest_ticks(&self, symbol: Symbol, age: Age) -> Result<LatestTicks, Refusal> {
        let found = self.latest_ticks_of_many(vec![symbol], age).await?.remove(&symbol);
        found.ok_or_else(|| Refusal::UnknownTicker(symbol.to_string()))
    }

    /// The last trade and quote of those of these symbols that there are.
    pub(super) async fn latest_ticks_of_many(
        &self,
        symbols: Vec<Symbol>,
        age: Age,
    ) -> Result<BTreeMap<Symbol, LatestTicks>, Refusal> {
        let (symbols, ticks) = (self.known(symbols).await?, self.ticks.clone());
        self.reader.ask(move |_, _| ticks.last_of_many(&symbols, age)).await
    }

    /// Snapshots of those of these symbols that there are, in their order.
    pub(super) async fn snapshots(&self, symbols: Vec<Symbol>) -> Result<Vec<StockSnapshot>, Refusal> {
        let (symbols, ticks) = (self.known(symbols).await?, self.ticks.clone());
        self.reader.ask(move |_, _| ticks.snapshots(&symbols)).await
    }

    /// Those of some symbols that are stocks with a bar.
    async fn known(&self, mut symbols: Vec<Symbol>) -> Result<Vec<Symbol>, Refusal> {
        let prices = self.reader.price_list().await?;
        symbols.retain(|symbol| prices.find(symbol).is_some());
        Ok(symbols)
    }

    /// The open minute of a symbol as far as it has come.
    pub(super) async fn open_minute(&self, symbol: Symbol, age: Age) -> Result<Present, Refusal> {
        let ticks = self.ticks.clone();
        self.reader.ask(move |_, _| ticks.present(symbol, age)).await
    }

    /// The price limits of symbols on the day of an instant, of those that have any.
    pub(super) async fn price_limits_at(
        &self,
        symbols: BTreeSet<Symbol>,
        at: UnixNanos,
    ) -> Result<BTreeMap<Symbol, PriceLimits>, Refusal> {
        let day = self.reader.calendar().date_of(at.seconds())?;
        self.price_limits(symbols, day).await
    }

    /// The price limits of symbols on a day, of those that have any.
    pub(super) async fn price_limits(
        &self,
        symbols: BTreeSet<Symbol>,
        day: NaiveDate,
    ) -> Result<BTreeMap<Symbol, PriceLimits>, Refusal> {
        let ticks = self.ticks.clone();
        self.reader.ask(move |_, _| ticks.limits(&symbols, day)).await
    }
}
