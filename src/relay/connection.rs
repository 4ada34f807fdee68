//! Connections to a vendor: TCP, TLS with the certificates that are trusted, and the handshake of a WebSocket.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::{HeaderValue, Uri, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioIo;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config, tungstenite};
use tower_service::Service;

use super::RelayError;

/// How long a connection may take to be opened, at each address of the vendor's name.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
/// The longest frame of a vendor, in bytes.
const FRAME_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A connection of bytes.
type Stream = TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>;
/// A vendor's stream.
pub(super) type Socket = WebSocketStream<Counted<Stream>>;

/// A connection that counts the bytes it receives: they show that the other side lives, though no message is complete yet.
pub(super) struct Counted<S> {
    stream: S,
    received: u64,
}

impl<S> Counted<S> {
    /// How many bytes have come so far.
    pub fn received(&self) -> u64 {
        self.received
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Counted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.received += (buffer.filled().len() - before) as u64;
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Counted<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Why there is no connection.
#[derive(Debug, Error)]
pub(super) enum ConnectError {
    #[error("{0} is no URL")]
    Url(String),
    #[error("cannot connect to {url}: {source}")]
    Unreachable { url: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{url} does not open a WebSocket: {source}")]
    NoWebSocket { url: String, source: Box<tungstenite::Error> },
}

/// Opens connections, with TLS for `https`.
#[derive(Clone)]
pub(super) struct Connector(pub HttpsConnector<HttpConnector>);

impl Connector {
    /// Trusts the certificates in a file, or those that the system trusts.
    pub fn new(certificates: Option<&Path>) -> Result<Self, RelayError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = config.with_root_certificates(roots(certificates)?).with_no_client_auth();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_WAIT));
        Ok(Self(
            HttpsConnectorBuilder::new().with_tls_config(config).https_or_http().enable_http1().wrap_connector(http),
        ))
    }

    /// Opens the WebSocket at an `http` or `https` URL.
    pub async fn open(&self, url: &str) -> Result<Socket, ConnectError> {
        let uri: Uri = url.parse().map_err(|_| ConnectError::Url(url.to_owned()))?;
        let unreachable = |source| ConnectError::Unreachable { url: url.to_owned(), source };
        let no_socket = |source| ConnectError::NoWebSocket { url: url.to_owned(), source: Box::new(source) };
        let stream = self.0.clone().call(uri).await.map_err(unreachable)?;
        let mut request = url.replacen("http", "ws", 1).into_client_request().map_err(no_socket)?;
        // Alpaca chooses the coding by it.
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let config =
            WebSocketConfig::default().max_message_size(Some(FRAME_BYTES_MAX)).max_frame_size(Some(FRAME_BYTES_MAX));
        let opened =
            client_async_with_config(request, Counted { stream: TokioIo::new(stream), received: 0 }, Some(config))
                .await;
        opened.map(|(socket, _)| socket).map_err(no_socket)
    }
}

fn roots(certificates: Option<&Path>) -> Result<RootCertStore, RelayError> {
    let mut roots = RootCertStore::empty();
    let Some(path) = certificates else {
        // A certificate that cannot be read is one that is not trusted.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        return if roots.is_empty() { Err(RelayError::NoRoots) } else { Ok(roots) };
    };
    let pem = std::fs::read(path).map_err(|source| RelayError::Certificates { path: path.to_owned(), source })?;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|_| RelayError::NoCertificate(path.to_owned()))?;
        roots.add(certificate)?;
    }
    if roots.is_empty() { Err(RelayError::NoCertificate(path.to_owned())) } else { Ok(roots) }
}
