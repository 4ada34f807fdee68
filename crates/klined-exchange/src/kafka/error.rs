//! What can go wrong between a run and its topic.

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
        "partition {partition} of topic {topic} ends with a record that is not of this run: {reason}; choose another topic"
    )]
    Foreign { topic: String, partition: i32, reason: String },
    #[error("Kafka at {brokers} does not answer: {reason}")]
    Away { brokers: String, reason: String },
    #[error("the topic cannot follow the logs: {0}")]
    Run(#[from] RunError),
}

impl Retriable for KafkaFailure {
    fn is_retriable(&self) -> bool {
        matches!(self, Self::Away { .. })
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
