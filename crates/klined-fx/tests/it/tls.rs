//! TLS in front of a server that has none, with an authority made for one test.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// An authority and a certificate for localhost, in a directory.
pub struct Authority {
    directory: tempfile::TempDir,
}

fn openssl(directory: &Path, words: &str) {
    let output = Command::new("openssl").args(words.split_whitespace()).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Authority {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let names =
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n";
        std::fs::write(path.join("names"), names).unwrap();
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
        openssl(path, &format!("req -x509 {key} -keyout ca.key -out ca.pem -days 3 -subj /CN=test"));
        openssl(path, &format!("req {key} -keyout key.pem -out request.pem -subj /CN=localhost"));
        openssl(
            path,
            "x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 3 -extfile names -out cert.pem",
        );
        Self { directory }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn server(&self) -> TlsAcceptor {
        let certificate = CertificateDer::from_pem_file(self.file("cert.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.file("key.pem")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A port that speaks TLS and hands all on to another one. It lasts as long as the test program.
pub struct Terminator {
    pub port: u16,
    /// The beginning of what each client has sent, decrypted.
    heard: Arc<Mutex<Vec<u8>>>,
}

/// Bytes of each client that are kept.
const HEARD_MOST: usize = 4_096;

impl Terminator {
    pub fn before(port: u16, authority: &Authority) -> Self {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (acceptor, hears) = (authority.server(), Arc::clone(&heard));
        let (announce, announced) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                announce.send(listener.local_addr().unwrap().port()).unwrap();
                let target = SocketAddr::from(([127, 0, 0, 1], port));
                let local = tokio::task::LocalSet::new();
                local.run_until(accept(listener, acceptor, target, hears)).await;
            });
        });
        Self { port: announced.recv().unwrap(), heard }
    }

    pub fn heard(&self) -> String {
        String::from_utf8_lossy(&self.heard.lock().unwrap()).into_owned()
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, target: SocketAddr, heard: Arc<Mutex<Vec<u8>>>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let (acceptor, heard) = (acceptor.clone(), Arc::clone(&heard));
        tokio::task::spawn_local(async move {
            // A client that does not trust the authority hangs up here.
            let Ok(client) = acceptor.accept(client).await else { return };
            let Ok(server) = TcpStream::connect(target).await else { return };
            let (mut from_client, mut to_client) = tokio::io::split(client);
            let (mut from_server, mut to_server) = server.into_split();
            let up = async {
                let (mut bytes, mut room) = (vec![0; 65_536], HEARD_MOST);
                while let Ok(length @ 1..) = from_client.read(&mut bytes).await {
                    let kept = length.min(room);
                    room -= kept;
                    heard.lock().unwrap().extend_from_slice(&bytes[..kept]);
                    if to_server.write_all(&bytes[..length]).await.is_err() {
                        return;
                    }
                }
                let _ = to_server.shutdown().await;
            };
            let down = async {
                let _ = copy(&mut from_server, &mut to_client).await;
                let _ = to_client.shutdown().await;
            };
            tokio::join!(up, down);
        });
    }
}
