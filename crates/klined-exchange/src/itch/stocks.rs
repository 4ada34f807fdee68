//! The messages of a feed: the day's frame, and one for each change of an order.

use super::{Message, Stock};
use crate::export::{ExportError, Source};
use crate::orders::{OrderAction, OrderMessage};

/// Makes the messages of a feed: the day's frame and one for each change of an order.
#[derive(Debug, Default)]
pub(super) struct Stocks {
    stocks: Vec<Stock>,
    /// Executions so far: their numbers are those of matches.
    matches: u64,
}

impl Stocks {
    pub(super) fn of(sources: &[Source]) -> Result<Self, ExportError> {
        let stock = |(nth, source): (usize, &Source)| {
            let locate = u16::try_from(nth + 1).ok();
            let stock = locate.and_then(|locate| Stock::new(locate, &source.symbol, source.session.tick_size));
            stock.ok_or_else(|| ExportError::Symbol { symbol: source.symbol.clone(), format: "ITCH", most: 8 })
        };
        Ok(Self { stocks: sources.iter().enumerate().map(stock).collect::<Result<_, _>>()?, matches: 0 })
    }

    /// The stocks in order of their locates.
    pub(super) fn all(&self) -> &[Stock] {
        &self.stocks
    }

    /// What comes before the first order.
    pub(super) fn opening(&self, open_ns: u64) -> Vec<Message> {
        let ts_ns = open_ns;
        let directory = self.stocks.iter().map(|&stock| Message::StockDirectory { ts_ns, stock });
        let trading = self.stocks.iter().map(|&stock| Message::TradingAction { ts_ns, stock });
        let event = |code| Message::SystemEvent { ts_ns, code };
        [event(b'O')].into_iter().chain(directory).chain(trading).chain([event(b'S'), event(b'Q')]).collect()
    }

    pub(super) fn closing(close_ns: u64) -> [Message; 3] {
        [b'M', b'E', b'C'].map(|code| Message::SystemEvent { ts_ns: close_ns, code })
    }

    pub(super) fn message(&mut self, nth: usize, change: &OrderMessage) -> Result<Message, ExportError> {
        let OrderMessage { ts_ns, reference, side, price_ticks, qty, .. } = *change;
        let stock = self.stocks[nth];
        Ok(match change.action {
            OrderAction::Add => {
                Message::AddOrder { ts_ns, stock, reference, side, shares: qty, price: stock.price(price_ticks)? }
            }
            OrderAction::Delete => Message::OrderDelete { ts_ns, stock, reference },
            OrderAction::Execute => {
                self.matches += 1;
                Message::OrderExecuted { ts_ns, stock, reference, shares: qty, match_number: self.matches }
            }
        })
    }
}
