//! The events of a run on their way into their topic.

use rdkafka::message::OwnedHeaders;

use super::connection::{KafkaConfig, PartitionEnd};
use super::error::KafkaFailure;
use super::record::{event_of, headers, partition_of};
use super::source::{Outgoing, Publication, Send, Source};
use crate::run::{Begin, Directory, RunEvent, RunStream};

/// Events read ahead for a partition.
const EVENTS: usize = 4096;

/// The logs of a run, which a topic follows.
pub struct RunEvents<'a> {
    pub config: &'a KafkaConfig,
    pub directory: &'a Directory,
}

impl Publication for RunEvents<'_> {
    fn own_partitions(&self, partitions: i32) -> Result<Vec<i32>, KafkaFailure> {
        Ok((0..partitions).collect())
    }

    fn resume(&self, partitions: i32, ends: &[PartitionEnd]) -> Result<Box<dyn Source + '_>, KafkaFailure> {
        let run = self.directory.run();
        let mut lanes = Vec::new();
        for end in ends {
            let partition = end.partition;
            let is_here = |&nth: &usize| partition_of(run.symbol(nth), partitions) == partition;
            let securities: Vec<usize> = (0..run.securities_count()).filter(is_here).collect();
            let begin = self.begin(partitions, end)?;
            if !securities.is_empty() {
                let stream = RunStream::new(self.directory, &securities, begin);
                lanes.push(Lane { partition, stream, events: Vec::new(), headers: None });
            }
        }
        Ok(Box::new(Lanes { directory: self.directory, lanes }))
    }
}

impl RunEvents<'_> {
    /// Where a partition's stream goes on.
    fn begin(&self, partitions: i32, end: &PartitionEnd) -> Result<Begin, KafkaFailure> {
        let (run, partition) = (self.directory.run(), end.partition);
        let Some(last) = &end.last else {
            // What the brokers have deleted is known by its number still: each record had an offset of its own.
            return Ok(if end.count == 0 { Begin::Start } else { Begin::Count(end.count) });
        };
        let foreign = |reason| self.config.foreign(partition, "run", reason);
        let event = event_of(run, last).map_err(foreign)?;
        if partition_of(run.symbol(event.nth), partitions) != partition {
            return Err(foreign(format!("{} belongs elsewhere", run.symbol(event.nth))));
        }
        Ok(Begin::After(event))
    }
}

/// The stream of one partition.
struct Lane<'a> {
    partition: i32,
    stream: RunStream<'a>,
    events: Vec<RunEvent>,
    headers: Option<(u32, OwnedHeaders)>,
}

/// The streams of all partitions.
struct Lanes<'a> {
    directory: &'a Directory,
    lanes: Vec<Lane<'a>>,
}

impl Source for Lanes<'_> {
    fn send_new(&mut self, send: &mut Send<'_>) -> Result<usize, KafkaFailure> {
        let (run, mut sent) = (self.directory.run(), 0);
        for Lane { partition, stream, events, headers: kept } in &mut self.lanes {
            events.clear();
            sent += stream.read(events, EVENTS)?;
            for &RunEvent { nth, day, event } in &*events {
                let headers = match kept {
                    Some((same, headers)) if *same == day => &*headers,
                    _ => &kept.insert((day, headers(run, day)?)).1,
                };
                let value = event.to_record();
                let record =
                    Outgoing { partition: *partition, key: run.symbol(nth), value: &value, headers: Some(headers) };
                if !send(record)? {
                    return Ok(sent);
                }
            }
        }
        Ok(sent)
    }
}
