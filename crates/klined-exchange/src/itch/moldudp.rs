//! MoldUDP64: numbered messages in packets. A packet is the session's name in ten characters, the number of its first message in eight bytes,
//! how many there are in two, and each with its length in two before it.

/// The most bytes that a packet has, its header included: it fits an Ethernet frame with room to spare.
pub const PACKET_BYTES_MAX: usize = 1400;
pub(super) const HEADER_BYTES: usize = 20;
/// The bytes of a request, which has the form of a packet without messages.
pub const REQUEST_BYTES: usize = HEADER_BYTES;
/// A count that says that the session is over.
pub(super) const END: u16 = 0xffff;

/// The packets of a session, one after the other.
#[derive(Debug)]
pub struct Packets {
    session: [u8; 10],
    /// The number of the next message, from 1 on.
    next: u64,
    bytes: Vec<u8>,
    count: u16,
}

/// A packet that is ready to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a>(pub &'a [u8]);

impl Packets {
    /// The packets of a session with this name, which is cut at ten characters and padded with blanks.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { session: session_name(name), next: 1, bytes: vec![0; HEADER_BYTES], count: 0 }
    }

    /// Puts a message into the packet in the making. Where that has no room, it is given to `send` first.
    ///
    /// # Errors
    /// Those of `send`.
    pub fn push<E>(&mut self, message: &[u8], send: impl FnOnce(Packet<'_>) -> Result<(), E>) -> Result<(), E> {
        if self.bytes.len() + 2 + message.len() > PACKET_BYTES_MAX {
            self.flush(send)?;
        }
        self.bytes.extend_from_slice(&(message.len() as u16).to_be_bytes());
        self.bytes.extend_from_slice(message);
        self.count += 1;
        Ok(())
    }

    /// Gives the packet in the making to `send`, if it has a message.
    ///
    /// # Errors
    /// Those of `send`.
    pub fn flush<E>(&mut self, send: impl FnOnce(Packet<'_>) -> Result<(), E>) -> Result<(), E> {
        if self.count == 0 {
            return Ok(());
        }
        let header = self.header(self.count);
        self.bytes[..HEADER_BYTES].copy_from_slice(&header);
        send(Packet(&self.bytes))?;
        self.next += u64::from(self.count);
        self.count = 0;
        self.bytes.truncate(HEADER_BYTES);
        Ok(())
    }

    /// Whether the packet in the making has no message yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// A packet that says which message comes next, when there is none to send.
    #[must_use]
    pub fn heartbeat(&self) -> [u8; 20] {
        self.header(0)
    }

    /// The packet that ends the session.
    #[must_use]
    pub fn end_of_session(&self) -> [u8; 20] {
        self.header(END)
    }

    fn header(&self, count: u16) -> [u8; HEADER_BYTES] {
        packet_header(self.session, self.next, count)
    }
}

/// A name as packets have it.
pub(super) fn session_name(name: &str) -> [u8; 10] {
    let mut session = [b' '; 10];
    for (to, from) in session.iter_mut().zip(name.bytes().filter(u8::is_ascii_graphic)) {
        *to = from;
    }
    session
}

/// The head of a packet: the session's name, the number of its first message, and how many messages it has.
#[must_use]
pub fn packet_header(session: [u8; 10], first: u64, count: u16) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..10].copy_from_slice(&session);
    header[10..18].copy_from_slice(&first.to_be_bytes());
    header[18..].copy_from_slice(&count.to_be_bytes());
    header
}

/// What a receiver asks for: `count` messages from number `first` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    pub session: [u8; 10],
    pub first: u64,
    pub count: u16,
}

impl Request {
    /// Reads a request; nothing where the bytes are none.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (session, rest) = bytes.split_first_chunk::<10>()?;
        let (first, count) = rest.split_first_chunk::<8>()?;
        let (first, count) = (u64::from_be_bytes(*first), u16::from_be_bytes(count.try_into().ok()?));
        (first > 0 && count > 0 && count != END).then_some(Self { session: *session, first, count })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_full_numbered_and_end() {
        let mut packets = Packets::new("20260102A");
        let mut sent: Vec<Vec<u8>> = Vec::new();
        let mut send = |packet: Packet<'_>| -> Result<(), ()> {
            sent.push(packet.0.to_vec());
            Ok(())
        };
        for _ in 0..100 {
            packets.push(&[b'A'; 36], &mut send).unwrap();
        }
        packets.flush(&mut send).unwrap();
        packets.flush(&mut send).unwrap();
        // (1400 - 20) / 38 messages fit.
        assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [20 + 36 * 38, 20 + 36 * 38, 20 + 28 * 38]);
        assert_eq!(&sent[1][..20], b"20260102A \0\0\0\0\0\0\0\x25\0\x24");
        assert_eq!(&packets.heartbeat(), b"20260102A \0\0\0\0\0\0\0\x65\0\0");
        assert_eq!(packets.end_of_session()[18..], [0xff, 0xff]);
    }
}
