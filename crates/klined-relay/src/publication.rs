//! The bars or the ticks of a market in the partitions of a topic.
//!
//! The records of a partition are in order of minute, symbol and, of ticks, time. So the last record of a partition says what comes next.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono::NaiveDate;
use klined::jobs::{Market, past_tick_facts};
use klined::store::BarRange;
use klined_exchange::kafka::{
    KafkaConfig, KafkaFailure, LastRecord, Outgoing, PAUSE, PartitionEnd, Progress, Publication, Send, Source,
    partition_of,
};
use klined_market::bars::Bar;
use klined_market::bars::ticks::{MinuteTicks, TickFacts};
use klined_market::base::{Interval, Shard, Symbol, UnixSeconds};
use klined_market::calendar::Minute;
use klined_service::Shutdown;

use crate::lag::Position;
use crate::reader::{ReadError, Reader, opening};
use crate::record::{self, Format, Starts};

/// What a topic has of each minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bars,
    Ticks,
}

/// The partitions of a topic that one market's records go to.
#[derive(Debug, Clone, Copy)]
struct Partitions {
    count: i32,
    part: Shard,
}

impl Partitions {
    /// Those whose number modulo the number of parts is that of this part, counted from 0.
    fn own(self) -> impl Iterator<Item = i32> {
        (i32::from(self.part.number()) - 1..self.count).step_by(usize::from(self.part.of()))
    }

    fn of(self, symbol: Symbol) -> i32 {
        let own = i32::try_from(self.own().count()).unwrap_or(1);
        i32::from(self.part.number()) - 1 + i32::from(self.part.of()) * partition_of(symbol.as_str(), own)
    }
}

/// A market and how it is published.
pub struct MarketRecords {
    pub config: KafkaConfig,
    pub market: Market,
    pub kind: Kind,
    pub format: Format,
    /// Which part of the topic's partitions is this market's.
    pub part: Shard,
    /// The first day that is published to a partition without records; none is the market's first.
    pub from: Option<NaiveDate>,
    pub progress: Progress,
    pub position: Position,
    pub shutdown: Shutdown,
}

/// Where a partition ends.
#[derive(Debug, Clone, Copy)]
struct Last {
    minute: UnixSeconds,
    symbol: Symbol,
    /// Records of the symbol's minute that the partition has.
    records: usize,
}

impl Publication for MarketRecords {
    fn own_partitions(&self, partitions: i32) -> Result<Vec<i32>, KafkaFailure> {
        let own: Vec<i32> = Partitions { count: partitions, part: self.part }.own().collect();
        if own.is_empty() {
            return Err(self.unusable(format!("it has {partitions} partitions, none of which is part {}", self.part)));
        }
        Ok(own)
    }

    fn resume(&self, count: i32, ends: &[PartitionEnd]) -> Result<Box<dyn Source + '_>, KafkaFailure> {
        let partitions = Partitions { count, part: self.part };
        let market_begins = self.first_minute()?;
        let known = self.market.store.progress().map_err(|error| failed(&error.into()))?;
        let filled: BTreeSet<i32> = known.iter().map(|progress| partitions.of(progress.checkpoint.symbol)).collect();
        let mut rows = Rows { records: self, facts: BTreeMap::new(), day: None, starts: None };
        let (mut lasts, mut begin) = (BTreeMap::new(), None::<UnixSeconds>);
        for end in ends.iter().filter(|end| filled.contains(&end.partition) || end.last.is_some()) {
            let from = match &end.last {
                Some(record) => {
                    let last = rows.last(partitions, end.partition, record)?;
                    lasts.insert(end.partition, last);
                    last.minute
                }
                None if end.count > 0 && self.from.is_none() => {
                    return Err(self.unusable(format!(
                        "its partition {} has had {} records and has none now, so it does not say where to go on; name the first day \
                         that is missing with --from",
                        end.partition, end.count
                    )));
                }
                None => market_begins,
            };
            begin = Some(begin.map_or(from, |begin| begin.min(from)));
        }
        let begin = begin.unwrap_or(market_begins);
        let (store, calendar) = (self.market.store.clone(), self.market.calendar.clone());
        let reader = Reader::new(store, calendar, begin).map_err(|error| failed(&error))?;
        let sent = ends.iter().map(|end| end.count).sum();
        self.position.is_at(begin);
        Ok(Box::new(Relayed { rows, reader, partitions, lasts, sent, marks: VecDeque::new() }))
    }
}

fn failed(error: &ReadError) -> KafkaFailure {
    KafkaFailure::Source { reason: error.to_string(), is_temporary: error.is_temporary() }
}

impl MarketRecords {
    fn unusable(&self, reason: String) -> KafkaFailure {
        KafkaFailure::Topic { topic: self.config.topic.clone(), reason }
    }

    /// Where a partition without records begins.
    fn first_minute(&self) -> Result<UnixSeconds, KafkaFailure> {
        let calendar = &self.market.calendar;
        let listings = self.market.store.listings().map_err(|error| failed(&error.into()))?;
        let retained = self.market.store.retained_from().map_err(|error| failed(&error.into()))?;
        let first = match self.from.or_else(|| listings.iter().map(|listing| listing.first_day).min()) {
            Some(day) => opening(calendar, day).map_err(|error| failed(&error.into()))?,
            None => UnixSeconds::EPOCH,
        };
        Ok(retained.map_or(first, |retained| retained.max(first)))
    }
}

/// The records of minutes.
struct Rows<'a> {
    records: &'a MarketRecords,
    /// What the ticks of a day need to know.
    facts: BTreeMap<Symbol, TickFacts>,
    day: Option<NaiveDate>,
    starts: Option<(Minute, Starts)>,
}

impl Rows<'_> {
    /// The records of a symbol's minute, in order.
    fn of(&mut self, symbol: Symbol, bar: &Bar) -> Result<Vec<Vec<u8>>, ReadError> {
        let MarketRecords { market, kind, format, .. } = self.records;
        match kind {
            Kind::Bars => {
                let starts = match self.starts {
                    Some((minute, starts)) if minute == bar.first => starts,
                    _ => record::starts(&market.calendar, bar.first),
                };
                self.starts = Some((bar.first, starts));
                Ok(vec![record::bar(*format, symbol, bar, &starts)])
            }
            Kind::Ticks => {
                let facts = self.facts_of(symbol, market.calendar.day_of(bar.first))?;
                let ticks = MinuteTicks::of(market.source.seed(), &symbol, &facts, bar);
                Ok(record::in_order(&ticks).map(|tick| record::tick(*format, symbol, &tick)).collect())
            }
        }
    }

    fn facts_of(&mut self, symbol: Symbol, day: NaiveDate) -> Result<TickFacts, ReadError> {
        if self.day == Some(day)
            && let Some(facts) = self.facts.get(&symbol)
        {
            return Ok(*facts);
        }
        // A day begins for all stocks at once.
        let market = &self.records.market;
        let known = market.store.progress()?;
        let symbols = known.iter().map(|progress| progress.checkpoint.symbol).collect();
        self.facts = past_tick_facts(market, &symbols, day)?;
        self.day = Some(day);
        self.facts.get(&symbol).copied().ok_or(ReadError::NoFacts(symbol))
    }

    /// Where a partition ends, by its last record, which must be one of this market.
    fn last(&mut self, partitions: Partitions, partition: i32, record: &LastRecord) -> Result<Last, KafkaFailure> {
        let records = self.records;
        let foreign = |reason| records.config.foreign(partition, "market", reason);
        let name = String::from_utf8_lossy(&record.key).into_owned();
        let symbol: Symbol = name.parse().map_err(|_| foreign(format!("its key is \"{name}\"")))?;
        if partitions.of(symbol) != partition {
            return Err(foreign(format!("{symbol} belongs to another partition")));
        }
        let minute = |format| match records.kind {
            Kind::Bars => record::minute_of_bar(format, &record.value),
            Kind::Ticks => record::minute_of_tick(format, &record.value),
        };
        let (format, other) = (records.format, records.format.other());
        let Some(minute) = minute(format) else {
            let hint = minute(other).map_or("not such a record", |_| "in the other format of --format");
            return Err(foreign(format!("its value is {hint}")));
        };
        let range = BarRange { symbol, interval: Interval::Minute1, from: minute, to: minute.next() };
        let store = &records.market.store;
        let stored = store.bars(&[range], 1).map_err(|error| failed(&error.into()))?;
        let Some(row) = stored.first() else {
            let retained = store.retained_from().map_err(|error| failed(&error.into()))?;
            if retained.is_some_and(|retained| minute < retained) {
                let topic = &records.config.topic;
                tracing::warn!(topic, partition, %minute, "the database has removed bars that came after the last one of this partition");
                return Ok(Last { minute, symbol, records: usize::MAX });
            }
            return Err(foreign(format!("the database has no bar of {symbol} at {minute}")));
        };
        let Ok(bar) = row.parse(&records.market.calendar) else {
            return Err(foreign(format!("the bar of {symbol} at {minute} in the database is not valid")));
        };
        let made = self.of(symbol, &bar).map_err(|error| failed(&error))?;
        match made.iter().position(|value| *value == record.value) {
            Some(place) => Ok(Last { minute, symbol, records: place + 1 }),
            None => Err(foreign(format!("it differs from what the database has of {symbol} at {minute}"))),
        }
    }
}

/// Records on their way.
struct Relayed<'a> {
    rows: Rows<'a>,
    reader: Reader,
    partitions: Partitions,
    /// Where partitions ended at the start.
    lasts: BTreeMap<i32, Last>,
    /// Records of the own partitions, sent ones included.
    sent: u64,
    /// The number of records with which the topic is complete up to an instant.
    marks: VecDeque<(u64, UnixSeconds)>,
}

impl Relayed<'_> {
    /// Learns how far the topic is.
    fn settle(&mut self) {
        let delivered = self.rows.records.progress.delivered_count();
        while let Some((_, end)) = self.marks.front().copied().filter(|(count, _)| *count <= delivered) {
            self.rows.records.position.is_at(end);
            self.marks.pop_front();
        }
    }
}

impl Source for Relayed<'_> {
    fn send_new(&mut self, send: &mut Send<'_>) -> Result<usize, KafkaFailure> {
        self.settle();
        let Some(page) = self.reader.page(PAUSE).map_err(|error| failed(&error))? else { return Ok(0) };
        let mut sent = 0;
        for (symbol, bar) in &page.bars {
            let partition = self.partitions.of(*symbol);
            let last = self.lasts.get(&partition).map(|last| ((last.minute, last.symbol), last.records));
            let place = (bar.first.start(), *symbol);
            let present = match last {
                Some((end, _)) if place < end => continue,
                Some((end, records)) if place == end => records,
                _ => 0,
            };
            for value in self.rows.of(*symbol, bar).map_err(|error| failed(&error))?.iter().skip(present) {
                if !send(Outgoing { partition, key: symbol.as_str(), value, headers: None })? {
                    return Ok(sent);
                }
                sent += 1;
                self.sent += 1;
            }
            if self.rows.records.shutdown.is_requested() {
                return Ok(sent);
            }
        }
        self.marks.push_back((self.sent, page.end));
        // A page may have records that the topic has already: there may be more, though none of it was sent.
        Ok(sent.max(1))
    }
}
