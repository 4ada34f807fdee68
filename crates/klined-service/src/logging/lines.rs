//! How an event becomes a line.
//!
//! A terminal gets colours and the time, another reader plain text with the time. The journal gets no time, because it adds its
//! own, and the priority in front as `sd-daemon(3)` describes it. JSON is one object for each event. Every event is one line.

use std::fmt::{self, Write};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, Full, Json, Writer};
use tracing_subscriber::fmt::time::SystemTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The target of the one event that says what ended the program. No filter leaves it out.
pub(crate) const FATAL: &str = "klined_fatal";

/// Writes events as lines.
pub struct LineFormat {
    body: LineBody,
    has_priority: bool,
    /// What ended the program is written as `error: …` and nothing else, as a person at a terminal expects it.
    is_fatal_plain: bool,
}

enum LineBody {
    Timed(Format<Full, SystemTime>),
    Untimed(Format<Full, ()>),
    Json(Format<Json, SystemTime>),
}

impl LineFormat {
    /// Text for a file.
    pub fn file() -> Self {
        Self { body: LineBody::Timed(Format::default().with_target(false)), has_priority: false, is_fatal_plain: false }
    }

    /// Text for a terminal, or for a program that reads standard error.
    pub fn console() -> Self {
        Self { is_fatal_plain: true, ..Self::file() }
    }

    /// Text for the journal.
    pub fn journal() -> Self {
        let body = LineBody::Untimed(Format::default().without_time().with_level(false).with_target(false));
        Self { body, has_priority: true, is_fatal_plain: true }
    }

    /// JSON: `timestamp`, `level`, `message` and the event's own fields side by side.
    pub fn json(is_for_journal: bool) -> Self {
        let body = LineBody::Json(Format::default().json().flatten_event(true).with_target(false));
        Self { body, has_priority: is_for_journal, is_fatal_plain: false }
    }
}

impl<S, N> FormatEvent<S, N> for LineFormat
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
            let mut message = MessageField::default();
            event.record(&mut message);
            return writeln!(writer, "error: {}", one_line(&message.0));
        }
        let mut line = String::new();
        match &self.body {
            // Only a terminal has colours, and a person who reads there may see several lines.
            LineBody::Timed(format) if writer.has_ansi_escapes() => return format.format_event(context, writer, event),
            LineBody::Timed(format) => format.format_event(context, Writer::new(&mut line), event)?,
            LineBody::Untimed(format) => format.format_event(context, Writer::new(&mut line), event)?,
            LineBody::Json(format) => format.format_event(context, Writer::new(&mut line), event)?,
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
struct MessageField(String);

impl Visit for MessageField {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // A message is made of format arguments, whose Debug is their Display.
            let _ = write!(self.0, "{value:?}");
        }
    }
}
