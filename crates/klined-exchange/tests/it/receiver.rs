//! A feed under test, and a receiver that shares nothing with it.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::support::stopped;

const END: u16 = 0xffff;

/// A feed that ends with the test.
pub struct Feed {
    child: Option<Child>,
    pub requests: SocketAddr,
    pub snapshots: SocketAddr,
}

impl Feed {
    pub fn start(folder: &Path, arguments: &str) -> Self {
        // Ports that were free a moment ago.
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_exchange-feed"));
        command.args(arguments.split_whitespace()).arg("--input").arg(folder).env_clear();
        command.args(["--requests", &udp.to_string(), "--snapshots", &tcp.to_string()]);
        command.env("KLINED_NO_LOG_FILES", "1").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { child: Some(command.spawn().unwrap()), requests: udp, snapshots: tcp }
    }

    pub fn stop(mut self) {
        assert!(stopped(self.child.take().unwrap()) < Duration::from_secs(1));
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What a receiver has of one session.
#[derive(Default)]
pub struct Session {
    pub name: [u8; 10],
    /// Messages 1, 2, 3 …
    pub messages: Vec<Vec<u8>>,
    /// Messages behind a gap.
    waiting: BTreeMap<u64, Vec<u8>>,
    is_asked: bool,
    /// How many there are by now, as far as packets have said.
    known: u64,
    /// How many there are, when the end of the session has been seen.
    count: Option<u64>,
}

pub struct Receiver {
    socket: UdpSocket,
    pub sessions: Vec<Session>,
    pub heartbeats: u64,
    pub requests: u64,
}

impl Receiver {
    pub fn new() -> Self {
        Self::at(UdpSocket::bind("127.0.0.1:0").unwrap())
    }

    pub fn at(socket: UdpSocket) -> Self {
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        Self { socket, sessions: Vec::new(), heartbeats: 0, requests: 0 }
    }

    pub fn destination(&self) -> String {
        format!("--unicast-dest {}", self.socket.local_addr().unwrap())
    }

    /// Takes the next packet, and asks for what is missing. False when none came for a moment.
    fn step(&mut self, requests: SocketAddr) -> bool {
        let mut bytes = [0; 2000];
        let length = match self.socket.recv(&mut bytes) {
            Ok(length) => length,
            Err(_) => {
                self.ask(requests);
                return false;
            }
        };
        let (name, first): ([u8; 10], _) = (bytes[..10].try_into().unwrap(), &bytes[10..18]);
        let (first, count) =
            (u64::from_be_bytes(first.try_into().unwrap()), u16::from_be_bytes([bytes[18], bytes[19]]));
        assert!(length <= 1400);
        if self.sessions.iter().all(|session| session.name != name) {
            self.sessions.push(Session { name, ..Session::default() });
        }
        let session = self.sessions.iter_mut().find(|session| session.name == name).unwrap();
        let mut rest = &bytes[20..length];
        session.known = session.known.max(first - 1);
        match count {
            END => session.count = Some(first - 1),
            0 => self.heartbeats += 1,
            count => {
                for number in first..first + u64::from(count) {
                    let (head, after) = rest.split_at(2);
                    let (message, after) = after.split_at(usize::from(u16::from_be_bytes([head[0], head[1]])));
                    let known = session.waiting.insert(number, message.to_vec());
                    assert!(known.is_none_or(|known| known == message), "message {number} is another one now");
                    let earlier = session.messages.get(number as usize - 1);
                    assert!(earlier.is_none_or(|earlier| earlier == message), "message {number} is another one now");
                    rest = after;
                }
                assert!(rest.is_empty());
            }
        }
        while let Some(message) = session.waiting.remove(&(session.messages.len() as u64 + 1)) {
            session.messages.push(message);
        }
        let known = session.messages.len() as u64;
        // The rest of what was asked for.
        let is_answer = std::mem::take(&mut session.is_asked) && first + u64::from(count) == known + 1;
        session.waiting.retain(|number, _| *number > known);
        if session.waiting.len() > 200 || is_answer {
            self.ask(requests);
        }
        true
    }

    /// Asks for the messages before those that wait, or up to the end.
    fn ask(&mut self, requests: SocketAddr) {
        for session in &mut self.sessions {
            let next = session.messages.len() as u64 + 1;
            let until = session.waiting.keys().next().map_or(session.known, |number| number - 1);
            if until >= next {
                let count = (until - next + 1).min(1000) as u16;
                let request = [&session.name[..], &next.to_be_bytes(), &count.to_be_bytes()].concat();
                session.is_asked = true;
                self.socket.send_to(&request, requests).unwrap();
                self.requests += 1;
            }
        }
    }

    /// Receives until something is so.
    pub fn until(&mut self, requests: SocketAddr, is_so: impl Fn(&Self) -> bool) {
        let mut idle = 0;
        while !is_so(self) {
            idle = if self.step(requests) { 0 } else { idle + 1 };
            assert!(idle < 300, "nothing came for half a minute");
        }
    }

    /// Receives until so many sessions are there with all of their messages.
    pub fn receive(&mut self, requests: SocketAddr, sessions: usize) {
        self.until(requests, |receiver| {
            receiver.sessions.len() >= sessions && receiver.sessions.iter().all(Session::is_whole)
        });
    }

    /// Messages of the first session that are there in order.
    pub fn count(&self) -> usize {
        self.sessions.first().map_or(0, |session| session.messages.len())
    }
}

impl Session {
    fn is_whole(&self) -> bool {
        self.count == Some(self.messages.len() as u64)
    }

    /// As `exchange-log convert --to itch` writes them.
    pub fn file(&self) -> Vec<u8> {
        self.messages
            .iter()
            .flat_map(|message| [&(message.len() as u16).to_be_bytes(), message.as_slice()].concat())
            .collect()
    }
}
