//! A vendor's stream whose every frame a test decides: what no real server sends can be sent, and what it is asked for can be read.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

/// How often a connection looks whether it has something to send.
const POLL: Duration = Duration::from_millis(5);

/// A stream of Polygon's that accepts every key but those that begin with `wrong`.
#[derive(Clone)]
pub struct ScriptedVendor {
    pub port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    connections: AtomicUsize,
    /// What clients sent after their keys.
    heard: Mutex<Vec<Value>>,
    /// What the open connection has still to send.
    to_send: Mutex<Vec<Message>>,
}

impl ScriptedVendor {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let vendor = Self { port: listener.local_addr().unwrap().port(), state: Arc::default() };
        let state = vendor.state.clone();
        // Ends with the process.
        spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = state.clone();
                state.connections.fetch_add(1, Ordering::SeqCst);
                spawn(move || drop(state.serve(stream)));
            }
        });
        vendor
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// What it was asked for, as `subscribe T.A,T.B`.
    pub fn asked(&self) -> Vec<String> {
        let text =
            |value: &Value| format!("{} {}", value["action"].as_str().unwrap(), value["params"].as_str().unwrap());
        self.state.heard.lock().unwrap().iter().map(text).collect()
    }

    pub fn send(&self, frame: impl Into<Message>) {
        self.state.to_send.lock().unwrap().push(frame.into());
    }
}

fn status(socket: &mut WebSocket<TcpStream>, status: &str) -> tungstenite::Result<()> {
    let message = json!([{"ev": "status", "status": status, "message": format!("the vendor says {status}")}]);
    socket.send(Message::text(message.to_string()))
}

impl State {
    fn serve(&self, stream: TcpStream) -> tungstenite::Result<()> {
        let mut socket = tungstenite::accept(stream).unwrap();
        status(&mut socket, "connected")?;
        let auth: Value = serde_json::from_str(socket.read()?.to_text()?).unwrap();
        assert_eq!(auth["action"], "auth");
        if auth["params"].as_str().unwrap().starts_with("wrong") {
            status(&mut socket, "auth_failed")?;
            return socket.close(None);
        }
        status(&mut socket, "auth_success")?;
        socket.get_ref().set_nonblocking(true)?;
        loop {
            let frames = std::mem::take(&mut *self.to_send.lock().unwrap());
            for frame in frames {
                socket.send(frame)?;
            }
            match socket.read() {
                Ok(Message::Text(text)) => self.heard.lock().unwrap().push(serde_json::from_str(&text).unwrap()),
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => sleep(POLL),
                Err(error) => return Err(error),
            }
        }
    }
}
