//! Nasdaq TotalView-ITCH 5.0: messages, files, MoldUDP64 packets and captures of them, and sessions for receivers on the network.

mod live;
mod messages;
mod moldudp;
mod pcap;
mod receiver;
mod soup;
mod stocks;
mod store;
mod writer;

pub use live::LiveSession;
pub use messages::{Message, PriceRange, Stock};
pub use moldudp::{PACKET_BYTES_MAX, Packet, Packets, REQUEST_BYTES, Request, packet_header};
pub use pcap::Capture;
pub use receiver::{BadPacket, PacketHead, Receiver};
pub use soup::{LOGIN_BYTES, SoupPacket};
pub use store::MessageStore;
pub use writer::{ItchWriter, MessageFile, MessageOutput, PacketCapture};
