//! What receivers ask for: lost messages over UDP, the state of the books over TCP.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;

use crate::itch::{LOGIN_BYTES, LiveSession, REQUEST_BYTES, Request, SoupPacket};

/// Sessions that requests are answered from: the present one and the one before it.
const SESSIONS: usize = 2;
/// Connections for snapshots at a time.
const CONNECTIONS: usize = 16;
/// How long one of them may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two tries of a listener that the system gave no connection.
const PAUSE: Duration = Duration::from_millis(100);

/// The sessions of a feed, the present one last.
#[derive(Default)]
pub struct Live(VecDeque<LiveSession<File>>);

impl Live {
    /// Begins a session.
    pub fn begin(&mut self, session: LiveSession<File>) {
        if self.0.len() == SESSIONS {
            self.0.pop_front();
        }
        self.0.push_back(session);
    }

    /// The present session.
    pub fn session(&mut self) -> Option<&mut LiveSession<File>> {
        self.0.back_mut()
    }

    fn answer(&mut self, request: &Request, bytes: &mut Vec<u8>) -> io::Result<bool> {
        for session in &mut self.0 {
            if session.answer(request, bytes)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Answers each request with one packet. What does not fit in it the receiver asks for again.
pub async fn answer_requests(socket: UdpSocket, live: Arc<Mutex<Live>>) {
    let (mut request, mut answer) = ([0; REQUEST_BYTES + 1], Vec::new());
    loop {
        let (length, receiver) = match socket.recv_from(&mut request).await {
            Ok(received) => received,
            Err(error) => {
                tracing::debug!("a request cannot be received: {error}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let asked = request.get(..length).filter(|bytes| bytes.len() == REQUEST_BYTES).and_then(Request::from_bytes);
        let Some(asked) = asked else { continue };
        let answered = live.lock().unwrap_or_else(PoisonError::into_inner).answer(&asked, &mut answer);
        match answered {
            Ok(true) => {
                if let Err(error) = socket.send_to(&answer, receiver).await {
                    tracing::debug!(%receiver, "an answer cannot be sent: {error}");
                }
            }
            Ok(false) => tracing::debug!(%receiver, first = asked.first, "messages are asked for that are not here"),
            Err(error) => tracing::warn!("messages that were sent cannot be read again: {error}"),
        }
    }
}

/// Gives the books to everyone who connects.
pub async fn answer_snapshots(listener: TcpListener, live: Arc<Mutex<Live>>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, receiver)) => {
                let live = live.clone();
                tokio::spawn(async move {
                    match tokio::time::timeout(PATIENCE, snapshot(stream, &live)).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => tracing::debug!(%receiver, "a snapshot was not fetched: {error}"),
                        Err(_) => tracing::debug!(%receiver, "a snapshot was not fetched in time"),
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!("a connection cannot be accepted: {error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn snapshot(mut stream: TcpStream, live: &Mutex<Live>) -> io::Result<()> {
    let (mut head, mut login) = ([0; 3], [0; LOGIN_BYTES]);
    stream.read_exact(&mut head).await?;
    if head != [0, 1 + LOGIN_BYTES as u8, b'L'] {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a login packet is expected"));
    }
    stream.read_exact(&mut login).await?;
    let answer = {
        let mut live = live.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = Vec::new();
        let asked = SoupPacket::session_of_login(&login);
        match live.session().filter(|session| asked.is_none_or(|asked| asked == session.name())) {
            Some(session) => {
                SoupPacket::LoginAccepted { session: session.name() }.encode(&mut bytes);
                session.snapshot().iter().for_each(|message| SoupPacket::Sequenced(message).encode(&mut bytes));
                SoupPacket::EndOfSession.encode(&mut bytes);
            }
            None => SoupPacket::SessionNotAvailable.encode(&mut bytes),
        }
        bytes
    };
    stream.write_all(&answer).await?;
    stream.shutdown().await
}
