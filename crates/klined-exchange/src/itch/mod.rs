//! Nasdaq TotalView-ITCH 5.0: messages, files, MoldUDP64 packets and captures of them.

mod messages;
mod moldudp;
mod pcap;
mod writer;

pub use messages::{Message, PriceRange, Stock};
pub use moldudp::{PACKET_BYTES_MAX, Packet, Packets};
pub use pcap::Capture;
pub use writer::{CaptureWriter, FileWriter};
