//! SoupBinTCP 3.00, as far as a snapshot needs it: a login, its answer, messages in order, and the end of the session.
//!
//! A packet is its length in two bytes, which counts what follows, then a letter for its kind, then its content.

/// The content of a login: user 6, password 10, session 10, number of the first message 20.
pub const LOGIN_BYTES: usize = 46;

/// A packet of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SoupPacket<'a> {
    /// The client is let in: the session's name, and the number of the first message that follows.
    LoginAccepted { session: [u8; 10] },
    /// The session that was asked for is not there.
    SessionNotAvailable,
    /// A message.
    Sequenced(&'a [u8]),
    /// No more messages follow.
    EndOfSession,
}

impl SoupPacket<'_> {
    /// Appends the packet's bytes.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        let mut put = |kind: u8, parts: &[&[u8]]| {
            let length: usize = 1 + parts.iter().map(|part| part.len()).sum::<usize>();
            bytes.extend_from_slice(&(length as u16).to_be_bytes());
            bytes.push(kind);
            parts.iter().for_each(|part| bytes.extend_from_slice(part));
        };
        match self {
            // A snapshot is a session of its own, whose messages start with number 1.
            Self::LoginAccepted { session } => put(b'A', &[session, format!("{:>20}", 1).as_bytes()]),
            Self::SessionNotAvailable => put(b'J', &[b"S"]),
            Self::Sequenced(message) => put(b'S', &[message]),
            Self::EndOfSession => put(b'Z', &[]),
        }
    }

    /// The session that a login asks for; nothing where it takes any, or where the content is not that of a login.
    #[must_use]
    pub fn session_of_login(content: &[u8; LOGIN_BYTES]) -> Option<[u8; 10]> {
        let session: [u8; 10] = content[16..26].try_into().ok()?;
        session.iter().any(|byte| *byte != b' ').then_some(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_have_the_bytes_of_the_specification() {
        let bytes = |packet: SoupPacket<'_>| {
            let mut bytes = Vec::new();
            packet.encode(&mut bytes);
            bytes
        };
        let accepted = bytes(SoupPacket::LoginAccepted { session: *b"ABCDEF0001" });
        assert_eq!(accepted, b"\0\x1fAABCDEF0001                   1");
        assert_eq!(bytes(SoupPacket::SessionNotAvailable), b"\0\x02JS");
        assert_eq!(bytes(SoupPacket::Sequenced(b"G1")), b"\0\x03SG1");
        assert_eq!(bytes(SoupPacket::EndOfSession), b"\0\x01Z");
        let mut login = [b' '; LOGIN_BYTES];
        assert_eq!(SoupPacket::session_of_login(&login), None);
        login[16..26].copy_from_slice(b"   ABCDEFG");
        assert_eq!(SoupPacket::session_of_login(&login), Some(*b"   ABCDEFG"));
    }
}
