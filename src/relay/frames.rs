//! A vendor's frame: an array of messages in JSON, each with its place in the bytes that were received.

use std::ops::Range;

use serde_json::value::RawValue;
use thiserror::Error;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::vendor::{Subject, Vendor};

/// A frame that is no array of the vendor's messages.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the vendor's frame cannot be read: {0}")]
pub struct Malformed(String);

/// A frame, cut into its messages.
#[derive(Debug)]
pub struct Frame {
    pub text: Utf8Bytes,
    pub messages: Vec<(Range<usize>, Subject)>,
}

impl Frame {
    /// Cuts a frame.
    ///
    /// # Errors
    /// It is no array of objects that are messages of this vendor.
    pub fn read(vendor: Vendor, text: Utf8Bytes) -> Result<Self, Malformed> {
        let whole: &str = &text;
        let elements: Vec<&RawValue> = serde_json::from_str(whole).map_err(|error| Malformed(error.to_string()))?;
        let message = |element: &RawValue| {
            let subject = vendor.read(element.get()).ok_or_else(|| {
                let shown: String = element.get().chars().take(80).collect();
                Malformed(format!("an element is no message: {shown}"))
            })?;
            // The element borrows from the text.
            let start = element.get().as_ptr().addr() - whole.as_ptr().addr();
            Ok((start..start + element.get().len(), subject))
        };
        let messages = elements.into_iter().map(message).collect::<Result<_, _>>()?;
        Ok(Self { text, messages })
    }

    /// A message as it was received.
    pub fn message(&self, at: usize) -> &str {
        self.messages.get(at).map_or("", |(range, _)| &self.text[range.clone()])
    }

    /// An array of some of the messages, in order, each as it was received.
    pub fn part(&self, messages: &[usize]) -> Utf8Bytes {
        let length: usize = messages.iter().map(|&at| self.message(at).len() + 1).sum();
        let mut part = String::with_capacity(length + 1);
        for (count, &at) in messages.iter().enumerate() {
            part.push(if count == 0 { '[' } else { ',' });
            part.push_str(self.message(at));
        }
        part.push(']');
        part.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Frame, Malformed> {
        Frame::read(Vendor::Polygon, text.into())
    }

    #[test]
    fn messages_keep_their_bytes() {
        let frame =
            read("[ {\"ev\":\"T\", \"sym\":\"A\",\"p\":1.50}\n,{\"sym\":\"B\",\"ev\":\"Q\",\"x\":\"],[é\"}]").unwrap();
        assert_eq!(frame.message(0), "{\"ev\":\"T\", \"sym\":\"A\",\"p\":1.50}");
        assert_eq!(frame.part(&[1]).as_str(), "[{\"sym\":\"B\",\"ev\":\"Q\",\"x\":\"],[é\"}]");
        assert_eq!(frame.part(&[0, 1]).as_str(), format!("[{},{}]", frame.message(0), frame.message(1)));
        assert!(read("[]").unwrap().messages.is_empty());
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for text in [
            "",
            "{}",
            "[",
            "[1]",
            "[{}]",
            "[{\"ev\":\"T\"}]",
            "[{\"ev\":\"T\",\"sym\":\"a b\"}]",
            "[{\"ev\":\"T\",\"sym\":1}]",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in ".*") {
            for vendor in Vendor::ALL {
                drop(Frame::read(vendor, text.as_str().into()));
            }
        }

        #[test]
        fn the_parts_of_a_frame_are_the_frame(prices in prop::collection::vec((0.0..1e6f64, "[A-Z]{1,5}"), 1..20)) {
            let message = |(price, symbol): &(f64, String)| format!("{{\"ev\":\"T\",\"sym\":\"{symbol}\",\"p\":{price}}}");
            let text = format!("[{}]", prices.iter().map(message).collect::<Vec<_>>().join(","));
            let frame = read(&text).unwrap();
            let all: Vec<usize> = (0..frame.messages.len()).collect();
            let whole = frame.part(&all);
            prop_assert_eq!(whole.as_str(), text.as_str());
        }
    }
}
