//! Captures of UDP packets as a network card would give them: the classic pcap format with nanoseconds, Ethernet, IPv4 and UDP.

use std::io::{self, Write};
use std::net::Ipv4Addr;

use crate::units::NANOS_PER_SECOND;

const MAGIC_NANOSECONDS: u32 = 0xa1b2_3c4d;
const ETHERNET: u32 = 1;
const HEADERS_BYTES: usize = 14 + 20 + 8;

/// A capture in the making.
#[derive(Debug)]
pub struct Capture<W> {
    output: W,
    from: Ipv4Addr,
    to: Ipv4Addr,
    port: u16,
    packets: u16,
}

impl<W: Write> Capture<W> {
    /// Starts a capture of packets that are sent to a multicast group and port.
    ///
    /// # Errors
    /// Those of `output`.
    pub fn start(mut output: W, to: Ipv4Addr, port: u16) -> io::Result<Self> {
        output.write_all(&MAGIC_NANOSECONDS.to_le_bytes())?;
        output.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
        output.write_all(&65_535u32.to_le_bytes())?;
        output.write_all(&ETHERNET.to_le_bytes())?;
        Ok(Self { output, from: Ipv4Addr::new(10, 0, 0, 1), to, port, packets: 0 })
    }

    /// A packet with its time, in nanoseconds since 1970-01-01.
    ///
    /// # Errors
    /// Those of the output.
    pub fn packet(&mut self, unix_ns: u64, payload: &[u8]) -> io::Result<()> {
        let length = HEADERS_BYTES + payload.len();
        for number in
            [(unix_ns / NANOS_PER_SECOND) as u32, (unix_ns % NANOS_PER_SECOND) as u32, length as u32, length as u32]
        {
            self.output.write_all(&number.to_le_bytes())?;
        }
        let [_, b, c, d] = self.to.octets();
        let mut frame = [0; HEADERS_BYTES];
        // A multicast group's address on Ethernet (RFC 1112), from a locally administered one; then IPv4.
        frame[..14].copy_from_slice(&[1, 0, 0x5e, b & 0x7f, c, d, 2, 0, 0, 0, 0, 1, 8, 0]);
        let ip = &mut frame[14..34];
        ip[..2].copy_from_slice(&[0x45, 0]);
        ip[2..4].copy_from_slice(&((length - 14) as u16).to_be_bytes());
        ip[4..6].copy_from_slice(&self.packets.to_be_bytes());
        ip[8..10].copy_from_slice(&[16, 17]);
        ip[12..16].copy_from_slice(&self.from.octets());
        ip[16..20].copy_from_slice(&self.to.octets());
        let sum: u32 = ip.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1])).sum();
        let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
        frame[24..26].copy_from_slice(&checksum.to_be_bytes());
        // A UDP checksum of zero says that there is none.
        frame[34..36].copy_from_slice(&self.port.to_be_bytes());
        frame[36..38].copy_from_slice(&self.port.to_be_bytes());
        frame[38..40].copy_from_slice(&((8 + payload.len()) as u16).to_be_bytes());
        self.output.write_all(&frame)?;
        self.packets = self.packets.wrapping_add(1);
        self.output.write_all(payload)
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// Those of the output.
    pub fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}
