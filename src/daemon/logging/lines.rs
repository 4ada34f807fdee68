//! How an event becomes a line.
//!
//! On a terminal in colours and with the time; elsewhere plain; to the journal without a time, which it keeps itself, and
//! with the priority in front as `sd-daemon(3)` has it; or as JSON. Whatever an event holds, it is one line.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Json, Writer};
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::FATAL;

/// Writes events as lines.
pub struct Lines {
    body: Body,
    has_priority: bool,
    /// What ended the program is said as `error: …` and nothing else, for the eyes of whoever started it.
    is_fatal_plain: bool,
}

enum Body {
    Timed(Format<Full, SystemTime>),
    Untimed(Format<Full, ()>),
    Json(Format<Json, SystemTime>),
}

impl Lines {
    /// Text for a file.
    pub fn file() -> Self {
        Self { body: Body::Timed(Format::default().with_target(false)), has_priority: false, is_fatal_plain: false }
    }

    /// Text for a terminal, or for a program that reads standard error.
    pub fn console() -> Self {
        Self { is_fatal_plain: true, ..Self::file() }
    }

    /// Text for the journal.
    pub fn journal() -> Self {
        let body = Body::Untimed(Format::default().without_time().with_level(false).with_target(false));
        Self { body, has_priority: true, is_fatal_plain: true }
    }

    /// JSON: `timestamp`, `level`, `message` and the event's own fields side by side.
    pub fn json(is_for_journal: bool) -> Self {
        let body = Body::Json(Format::default().json().flatten_event(true).with_target(false));
        Self { body, has_priority: is_for_journal, is_fatal_plain: false }
    }
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let is_fatal = event.metadata().target() == FATAL;
        if self.has_priority {
            write!(writer, "<{}>", priority(*event.metadata().level()))?;
        }
        if is_fatal && self.is_fatal_plain {
            let mut message = Message::default();
            event.record(&mut message);
            return writeln!(writer, "error: {}", one_line(&message.0));
        }
        let mut line = String::new();
        match &self.body {
            // Colours are the writer's to give, and a person reads them.
            Body::Timed(format) if writer.has_ansi_escapes() => return format.format_event(context, writer, event),
            Body::Timed(format) => format.format_event(context, Writer::new(&mut line), event)?,
            Body::Untimed(format) => format.format_event(context, Writer::new(&mut line), event)?,
            Body::Json(format) => format.format_event(context, Writer::new(&mut line), event)?,
        }
        writeln!(writer, "{}", one_line(line.trim()))
    }
}

/// The text with every line break made a space.
fn one_line(text: &str) -> String {
    text.split(['\n', '\r']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A syslog priority.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // A message is made of format arguments, whose Debug is their Display.
            let _ = write!(self.0, "{value:?}");
        }
    }
}
