//! What can go wrong between what is followed and its topic.

use klined_service::Retriable;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use thiserror::Error;

use crate::run::RunError;

/// A topic that cannot be followed up.
#[derive(Debug, Error)]
pub enum KafkaFailure {
    #[error("Kafka at {brokers} cannot be used: {reason}")]
    Refused { brokers: String, reason: String },
    #[error("topic {topic} does not exist and cannot be made: {reason}; make it, or give the user the right to")]
    NoTopic { topic: String, reason: String },
    #[error("topic {topic} cannot be used: {reason}")]
    Topic { topic: String, reason: String },
    #[error(
        "partition {partition} of topic {topic} ends with a record that is not of this {of}: {reason}; choose another topic"
    )]
    Foreign { topic: String, partition: i32, of: &'static str, reason: String },
    #[error("Kafka at {brokers} does not answer: {reason}")]
    Away { brokers: String, reason: String },
    #[error("the connection to Kafka at {brokers} is made again: {reason}")]
    Interrupted { brokers: String, reason: String },
    #[error("the topic cannot follow the logs: {0}")]
    Run(#[from] RunError),
    /// What the topic follows cannot be read, as its own message says.
    #[error("{reason}")]
    Source { reason: String, is_temporary: bool },
}

impl Retriable for KafkaFailure {
    fn is_retriable(&self) -> bool {
        matches!(self, Self::Away { .. } | Self::Interrupted { .. } | Self::Source { is_temporary: true, .. })
    }
}

/// Whether it is the broker's answer to this client, which stays the same however often it is asked.
pub(super) fn is_refusal(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::SaslAuthenticationFailed
                | RDKafkaErrorCode::UnsupportedSASLMechanism
                | RDKafkaErrorCode::SSL
                | RDKafkaErrorCode::ClusterAuthorizationFailed
        )
    )
}

/// Whether a topic cannot be read for a reason that time does not mend. Brokers that go away or come back give all other errors.
pub(super) fn is_final(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::InvalidMessage
                | RDKafkaErrorCode::BadMessage
        )
    )
}
