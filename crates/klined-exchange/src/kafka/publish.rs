//! Records into a topic that is their own watermark.

use klined_service::{Retry, Shutdown, Vitals, coarse_time};
use tokio::runtime::Handle;

use super::connection::{AFTER_A_FAILURE, Connection, KafkaConfig, SETTLING};
use super::deliveries::Progress;
use super::error::KafkaFailure;
use super::sending::{Publisher, Sending};
use super::source::Publication;

/// Has a topic follow something until the request to stop, or until that is complete and the topic has all of it. A connection that is lost
/// is made again, and goes on behind what the topic has.
///
/// # Errors
/// [`KafkaFailure`] that another try cannot mend.
pub fn publish(
    config: &KafkaConfig,
    publication: &dyn Publication,
    progress: &Progress,
    shutdown: &Shutdown,
    job: &Vitals,
    runtime: &Handle,
) -> Result<(), KafkaFailure> {
    let (mut retry, mut given) = (Retry::default(), None);
    while !shutdown.is_requested() {
        let publisher = Publisher { config, progress, shutdown, job };
        let failure = match connected(&publisher, publication, runtime, &mut retry, &mut given) {
            Ok(()) => return Ok(()),
            // Brokers that took this client once refuse it while they start.
            Err(KafkaFailure::Refused { reason, .. }) if given.is_some() => config.away(reason),
            Err(failure) => failure,
        };
        runtime.block_on(retry.wait_after(failure, shutdown, job))?;
    }
    Ok(())
}

/// One connection, from finding out where the topic ends to its own end. `given` is what the last client was given of each partition, and becomes
/// what this one was.
fn connected(
    publisher: &Publisher<'_>,
    publication: &dyn Publication,
    runtime: &Handle,
    retry: &mut Retry,
    given: &mut Option<Vec<(i32, i64)>>,
) -> Result<(), KafkaFailure> {
    let connection = Connection::open(publisher.config)?;
    let partitions = connection.topic(runtime)?;
    connection.check_alone(given.as_deref().unwrap_or_default())?;
    let asked = coarse_time();
    let own = publication.own_partitions(partitions)?;
    let ends = connection.ends(&own, if given.is_some() { AFTER_A_FAILURE } else { SETTLING })?;
    publisher.job.answered(true);
    drop(connection);
    let delivered = ends.iter().map(|end| end.count).sum();
    let mut source = publication.resume(partitions, &ends)?;
    publisher.progress.begin(delivered);
    let sending = Sending::behind(&ends, partitions, asked, publisher)?;
    publisher.job.works();
    retry.reset();
    tracing::info!(topic = publisher.config.topic, partitions, records = delivered, "the topic follows its source");
    let outcome = sending.send_all(&mut *source);
    *given = Some(sending.given());
    outcome
}
