//! A network between a program and its server that can be made to fail.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

/// How often a held byte looks whether it may go on.
const POLL: Duration = Duration::from_millis(5);
/// What is forwarded at once.
const BUFFER: usize = 16 * 1024;

/// Listens on a port and passes everything on to another.
#[derive(Clone)]
pub struct Proxy {
    pub port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Nothing is passed on, and neither side gets an error.
    is_holding: AtomicBool,
    /// Bytes of a piece, and the milliseconds before the next one; no bytes: everything is passed on as it comes.
    pieces: AtomicUsize,
    pause_ms: AtomicUsize,
    /// The connections: the program's end and the server's.
    pairs: Mutex<Vec<(TcpStream, TcpStream)>>,
}

impl Proxy {
    pub fn to(server_port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let proxy = Self { port: listener.local_addr().unwrap().port(), state: Arc::default() };
        let state = proxy.state.clone();
        // Ends with the process.
        spawn(move || {
            for program in listener.incoming().flatten() {
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server_port)) {
                    state.pass(&program, &server);
                    state.pass(&server, &program);
                    state.pairs.lock().unwrap().push((program, server));
                }
            }
        });
        proxy
    }

    /// From now on every byte disappears until [`Proxy::release`], and the connections stay up.
    pub fn hold(&self) {
        self.state.is_holding.store(true, Ordering::SeqCst);
    }

    /// What was held is passed on.
    pub fn release(&self) {
        self.state.is_holding.store(false, Ordering::SeqCst);
    }

    /// From now on bytes go on in pieces, with a pause after each.
    pub fn slow(&self, bytes: usize, pause: Duration) {
        self.state.pause_ms.store(pause.as_millis() as usize, Ordering::SeqCst);
        self.state.pieces.store(bytes, Ordering::SeqCst);
    }

    /// Ends every connection on both sides.
    pub fn reset(&self) {
        for (program, server) in self.state.pairs.lock().unwrap().drain(..) {
            let _ = program.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        }
    }

    /// Ends every connection for the program, while the server goes on waiting at its end. Gives the server's ends, which
    /// close when they are dropped.
    pub fn reset_unheard(&self) -> Vec<TcpStream> {
        // The end of the program's side must not be passed on: what reads from it is held first.
        self.hold();
        let pairs: Vec<_> = self.state.pairs.lock().unwrap().drain(..).collect();
        let kept = pairs.into_iter().map(|(program, server)| {
            let kept = server.try_clone().unwrap();
            let _ = program.shutdown(Shutdown::Both);
            kept
        });
        let kept = kept.collect();
        sleep(10 * POLL);
        self.release();
        kept
    }
}

impl State {
    /// Writes bytes, in pieces where the network is slow.
    fn write(&self, to: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = match self.pieces.load(Ordering::SeqCst) {
                0 => rest.len(),
                piece => {
                    sleep(Duration::from_millis(self.pause_ms.load(Ordering::SeqCst) as u64));
                    piece.min(rest.len())
                }
            };
            let (piece, others) = rest.split_at(length);
            to.write_all(piece)?;
            rest = others;
        }
        Ok(())
    }

    /// Passes on what comes from one end, until it ends.
    fn pass(self: &Arc<Self>, from: &TcpStream, to: &TcpStream) {
        let (mut from, mut to, state) = (from.try_clone().unwrap(), to.try_clone().unwrap(), self.clone());
        spawn(move || {
            let mut buffer = [0; BUFFER];
            loop {
                let length = from.read(&mut buffer).unwrap_or(0);
                if length == 0 && state.is_holding.load(Ordering::SeqCst) {
                    // An end in a hold is one that the other side never hears of.
                    return;
                }
                while state.is_holding.load(Ordering::SeqCst) {
                    sleep(POLL);
                }
                if length == 0 || state.write(&mut to, &buffer[..length]).is_err() {
                    let _ = to.shutdown(Shutdown::Both);
                    return;
                }
            }
        });
    }
}
